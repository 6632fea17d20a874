"""Lightning's Trainer on the same network and loaders; progress bar, logger and checkpoints are off."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.worker import Turns

turns = Turns()
import lightning  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402, N812

from benchmarks.peers.networks import adam, loaders, network, penalty  # noqa: E402

folder, recipe, strengths = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])


class Classifier(lightning.LightningModule):
    """The network with its loss."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.layers = network(strengths, inputs, classes)

    def training_step(self, batch: list, _: int) -> torch.Tensor:
        loss = F.cross_entropy(self.layers(batch[0]), batch[1]) + penalty(self.layers, strengths)
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: list, _: int) -> None:
        self.log("accuracy", (self.layers(batch[0]).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Adam:
        return adam(self.layers, strengths)


class Report(lightning.Callback):
    """Each epoch, with its validation, is a turn."""

    def on_train_epoch_end(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        turns.done(float(trainer.callback_metrics["accuracy"]))


lightning.seed_everything(128)
train, validation = loaders(folder, recipe)
rows, labels = train.dataset.tensors
quiet = {name: False for name in ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")}
trainer = lightning.Trainer(max_epochs=1000, accelerator="cpu", num_sanity_val_steps=0, callbacks=[Report()], **quiet)
model = Classifier(rows.shape[1], int(labels.max()) + 1)
turns.ready()
trainer.fit(model, train, validation)
