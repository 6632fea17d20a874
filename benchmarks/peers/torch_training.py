"""The loop of PyTorch's tutorials: DataLoader, torch.optim.Adam, all defaults."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.worker import Turns

turns = Turns()
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402, N812

from benchmarks.peers.networks import adam, loaders, network, penalty  # noqa: E402

folder, recipe, strengths = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
torch.manual_seed(128)
train, validation = loaders(folder, recipe)
rows, labels = train.dataset.tensors
model = network(strengths, rows.shape[1], int(labels.max()) + 1)
optimizer = adam(model, strengths)
turns.ready()
while True:
    model.train()
    for inputs, targets in train:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), targets) + penalty(model, strengths)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum(int((model(inputs).argmax(1) == targets).sum()) for inputs, targets in validation)
    turns.done(right / len(validation.dataset))
