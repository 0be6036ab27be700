"""The worker of local models: ``python -m engine.local.worker PARENT``, spoken to over stdin and stdout."""

from engine.local.worker.load import load_model
from engine.local.worker.run import run

if __name__ == "__main__":
    run(load_model)
