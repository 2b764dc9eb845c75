# WRN-28-10 (Zagoruyko and Komodakis, 2016).
_base_ = ['wrn40-2.py']

model = dict(backbone=dict(depth=28, width=10), head=dict(in_channels=640))
