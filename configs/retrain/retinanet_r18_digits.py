# Training with the policy that the quickstart's search found, which puts it in here.
_base_ = ['../_base_/retinanet_r18_digits.py', '../_base_/schedule_digits.py']

custom_hooks = [dict(type='ddas_mm.DDASHook')]
