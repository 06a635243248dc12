"""The callbacks of W&B's own integrations, with W&B's arguments and keys, as gitruns records them.

There is one module for each library, which needs the library. _submodules gives their names to wandb.integration.
"""
