"""A search takes the images of another one from its split file."""

from tests import toy


def test_search_takes_the_images_that_another_one_took(tmp_path):
    first = toy.build_runner(tmp_path / 'first', **{'train_cfg.max_epochs': 1})
    first.train()
    proxy = dict(split_file=str(tmp_path / 'first' / 'split.json'))
    config = toy.search_config(tmp_path / 'second', **{'train_cfg.max_epochs': 1})
    config.train_cfg.proxy = proxy
    second = toy.Runner.from_cfg(config)
    second.train()
    for name in ('dataloader', 'val_loader'):
        one, other = (getattr(r.train_loop, name).dataset for r in (first, second))
        assert one.indices == other.indices
    assert len(second.train_loop.dataloader.dataset) == 12
