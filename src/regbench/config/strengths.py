"""The regularizers of one training: one strength (hyperparameter) each; 0 or false is off."""

from regbench.config.section import CountOrZero, Rate, Section, Strength


class Strengths(Section):
    """The hyperparameter of each regularizer; here is what each means.

    >>> Strengths(l2=1e-4, dropout=0.25).model_dump(exclude_defaults=True)
    {'l2': 0.0001, 'dropout': 0.25}
    """

    l1: Strength = 0
    """Weight of the sum of absolute hidden kernel entries in the loss, as in Keras."""
    l2: Strength = 0
    """Weight of the sum of squared hidden kernel entries in the loss, as in Keras."""
    dropout: Rate = 0
    """Probability of dropping a unit after each hidden layer."""
    input_dropout: Rate = 0
    """Probability of dropping an input pixel."""
    batch_norm: bool = False
    """Batch normalization between each hidden layer's product and its ReLU."""
    patience: CountOrZero = 0
    """Epochs without improvement after which training stops; 0: never."""
    proximal: bool = False
    """Whether `l1` shrinks kernels to true zeros by a soft threshold after each step of Adam, measured in the step's
    own scaling (ProxGen, Yun, Lozano & Yang 2021), and not by its subgradient, which leaves no weight at 0."""
    weight_decay: Strength = 0
    """Fraction of each kernel, the output layer's too, that a step takes away, times the learning rate: decoupled from
    the gradient (AdamW, Loshchilov & Hutter 2019)."""
    max_norm: Strength = 0
    """Largest Euclidean norm of a hidden unit's incoming weights, to which they are scaled back after each step
    (Srivastava et al. 2014)."""
    label_smoothing: Rate = 0
    """Part of each training label that is spread evenly over all classes (Szegedy et al. 2016)."""
    mixup: Strength = 0
    """Alpha of the Beta(alpha, alpha) distribution by which pairs of training images, and their labels, are mixed, a
    draw a batch (Zhang et al. 2018)."""
    input_noise: Strength = 0
    """Standard deviation of Gaussian noise on the training inputs: pixels scaled to 0..1, or whitened (Bishop 1995)."""
    averaging: Rate = 0
    """Decay a step of the mean of the weights, which is what is evaluated and kept (Polyak & Juditsky 1992, in the
    exponential, bias-corrected form of Kingma & Ba 2015, section 7.2)."""
