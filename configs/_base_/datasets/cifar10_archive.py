# CIFAR-10 from its archive, as mmpretrain reads and downloads it.
_base_ = ['cifar100.py']

data_preprocessor = dict(
    num_classes=10,
    mean=[125.307, 122.961, 113.8575],
    std=[51.5865, 50.847, 51.255],
)
train_dataloader = dict(dataset=dict(type='CIFAR10', data_root='data/cifar10'))
val_dataloader = dict(dataset=dict(type='CIFAR10', data_root='data/cifar10'))
test_dataloader = dict(dataset=dict(type='CIFAR10', data_root='data/cifar10'))
