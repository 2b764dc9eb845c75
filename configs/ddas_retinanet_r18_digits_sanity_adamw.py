# The sanity check for detection with AdamW.
_base_ = ['ddas_retinanet_r18_digits_sanity.py']

optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=0.05)
)
