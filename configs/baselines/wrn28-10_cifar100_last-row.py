# The paper's Table 6: the last search epoch in all epochs, a policy of one row. Make
# it first:
# python tools/analysis_tools/hold_policy.py \
#     work_dirs/ddas_wrn40-2_cifar100/policy.json --hold total_prob op_probs \
#     --out work_dirs/ddas_wrn40-2_cifar100/last-row.json
_base_ = ['../retrain/wrn28-10_cifar100.py']

policy = 'work_dirs/ddas_wrn40-2_cifar100/last-row.json'
pipeline = [
    dict(type='ddas_mm.DDASAugment', policy=policy),
    *_base_.train_pipeline[1:],
]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
