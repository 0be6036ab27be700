"""The worker of local models: ``python -m engine.local.worker PARENT``, spoken to over stdin and stdout."""

from engine.local.worker.load import ModelLoader
from engine.local.worker.run import run

if __name__ == "__main__":
    run(ModelLoader)
