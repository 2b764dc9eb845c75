# Quickstart: which augmentation bridges upright training images and a camera that is
# mounted sideways? S_val comes from that camera.
_base_ = ['_base_/retinanet_r18_digits.py']

train_dataloader = dict(batch_size=4)
train_cfg = dict(
    type='ddas_mm.DDASLoop',
    max_epochs=8,  # T_max
    proxy=dict(num_train=200),
    space=dict(
        table='detection',
        ops=(
            *('Identity', 'Rotate90_BBox', 'FlipLR_BBox', 'FlipUD_BBox'),
            *('Rotate_BBox', 'ShearX_BBox', 'ShearY_BBox'),
            *('TranslateX_BBox', 'TranslateY_BBox'),
            *('AutoContrast', 'Equalize', 'Posterize', 'Solarize'),
            *('Color', 'Contrast', 'Brightness'),
        ),
        levels=(6,),
        depth=1,  # N_o
        constants=dict(translate_const=40),  # pixels, of images of 128 x 128
    ),
    num_policies=3,  # L
    total_prob=0.75,  # initial p_tp
    total_lr=0.001,  # Adam, alpha_tp
    op_lr=0.05,  # Adam, alpha_o
    policy_dataloader=dict(
        batch_size=8,
        dataset=dict(  # S_val: a few images from where the network will work
            ann_file='annotations/deploy_val.json',
            data_prefix=dict(img='deploy_val/'),
            indices=24,
        ),
    ),
)
optim_wrapper = dict(optimizer=dict(lr=0.02))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=30),
    dict(type='CosineAnnealingLR', T_max=8, convert_to_iter_based=True),
]
custom_hooks = [
    dict(type='ddas_mm.DDASHook', smooth=2, retrain='retrain/retinanet_r18_digits.py')
]
test_dataloader = test_cfg = test_evaluator = None
