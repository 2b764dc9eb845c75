"""The random streams of a run: a constant each, the second word of every key.

Keys are (seed, stream, ...). Without the constant, streams of different meaning would
be equal: numpy fills short keys up with zeros.
"""

POLICIES = 1  # of a mini-batch: epoch
VAL_ORDER = 2  # of S_val: pass
VAL_IMAGE = 3  # steps of S_val, if they draw: index
HEAD = 4  # steps before DDASAugment: epoch, index
OPERATIONS = 5  # of a policy: epoch, index, view
TAIL = 6  # steps after DDASAugment: epoch, index, view
REFETCH = 7  # images for one that cannot be used: epoch, index
STEP = 8  # what the network draws: step, rank
REPLAY = 9  # what DDASAugment draws in a training: rank, clock or not, number
# 0 is which images are S_train and S_val: the key is a seed alone.
