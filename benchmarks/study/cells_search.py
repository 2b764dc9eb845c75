"""A search on the blood cells, as derived when detectors had mini-batches of four.

150 steps of 4 images and 7 policies, which take as long as about two trainings: large
effects of 26 candidates will show.
"""

_base_ = ['cells.py']

train_dataloader = {'batch_size': 4}
train_cfg = {
    '_delete_': True,
    'type': 'ddas_mm.DDASLoop',
    'max_epochs': 15,  # T_max, of 10 steps
    'space': {'name': 'detection', 'depth': 2},
    'num_policies': 7,  # L
    'total_prob': 0.35,  # initial p_tp
    'total_lr': 0.0376,  # Adam, alpha_tp
    'op_lr': 0.0376,  # Adam, alpha_o
    'policy_dataloader': {
        'batch_size': 4,
        'dataset': {'ann_file': 'annotations/val.json'},
    },
}
param_scheduler = [
    {'type': 'CosineAnnealingLR', 'T_max': 15, 'convert_to_iter_based': True}
]
test_dataloader = test_cfg = test_evaluator = None
