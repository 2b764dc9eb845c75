"""Rank augmentations by a trained checkpoint, before any search."""

import sys

sys.path.insert(0, __file__.rpartition('/tools/')[0])

from ddas_mm.cli.ranking import rank_augmentations as main
from ddas_mm.cli.run import run_tool

if __name__ == '__main__':
    run_tool(main)
