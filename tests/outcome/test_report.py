"""The report: what stands in it, how it looks in a browser, and what it survives."""

import re
from dataclasses import replace

import numpy as np
import pytest

from ddas_mm.augment.candidates import build_space
from ddas_mm.outcome import report as engine_report
from ddas_mm.outcome.pictures import Examples, draw_gallery, shown_candidates
from ddas_mm.outcome.plots import Chart, draw_effects, plot
from ddas_mm.outcome.report import report_work_dir, write_report
from ddas_mm.policy import PolicySchedule, read_policy
from tests import toy
from tests.browser import Browser

# Texts of charts that stick out of their chart, and cells wider than their column.
CUT = """
[...document.querySelectorAll('svg text, .policy th, .policy td')].filter(e => {
  const box = (e.closest('svg') || e).getBoundingClientRect();
  const own = e.getBoundingClientRect();
  return own.left < box.left - 1 || own.right > box.right + 1 ||
    own.top < box.top - 1 || own.bottom > box.bottom + 1 ||
    (e.scrollWidth > e.clientWidth + 1 && !e.closest('svg'));
}).map(e => e.textContent)
"""


@pytest.fixture(scope='module')
def searched(tmp_path_factory):
    folder = tmp_path_factory.mktemp('toy') / 'work'
    runner = toy.build_runner(folder)
    runner.train()
    return folder, runner


def effect_of(k, label):
    """Every seventh helps, every tenth harms; of the third nothing is known."""
    verdict = 'helps' if k % 7 == 0 else 'harms' if k % 10 == 0 else 'not told apart'
    effect = {'helps': 1.0, 'harms': -1.0}.get(verdict, 0.0) + k / 100
    numbers = {'effect': effect, 'std_error': 0.2, 'draws': 9, 'verdict': verdict}
    ends = (None, None) if k == 2 else (effect - 0.4, effect + 0.4)
    numbers |= dict(zip(('low', 'high'), ends, strict=True))
    more = {'shrunk': effect, 'steps_needed': None, 'thirds': [numbers] * 3}
    return {'candidate': label, **numbers, **more}


@pytest.fixture(scope='module')
def large(searched, tmp_path_factory):
    """A report with 59 candidates over 30 epochs."""
    rng = np.random.default_rng(0)
    space = build_space(dict(name='coco'))
    alpha = rng.normal(0, 0.15, (30, len(space))).cumsum(axis=0)
    op_probs = np.exp(alpha) / np.exp(alpha).sum(axis=1, keepdims=True)
    history = {
        'alignment': rng.uniform(0, 1e-5, 30).tolist(),
        'helped': [0.5] * 30,
        'skipped_steps': [0] * 30,
        'learning_rate': [0.04] * 24 + [0.004] * 4 + [0.0004] * 2,
    }
    config = 'a_long_name_of_a_config_' * 3 + '.py'
    effects = [effect_of(k, label) for k, label in enumerate(space.labels)]
    record = {'config': config, 'history': history, 'effects': effects}
    rows = list(zip(rng.uniform(0.3, 0.4, 30), op_probs, strict=True))
    schedule = PolicySchedule.from_snapshots(space, rows, 6, record)
    examples = Examples(searched[1].train_loop.dataloader.dataset.dataset)
    gallery = draw_gallery(examples, schedule)
    path = tmp_path_factory.mktemp('large') / 'report.html'
    write_report(schedule, path, gallery, [('Train', 'python ' + 'x' * 300)])
    return path, schedule


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    opened = Browser(tmp_path_factory.mktemp('profile'))
    yield opened
    opened.close()


def test_a_search_ends_with_a_report(searched):
    folder, _ = searched
    page = (folder / 'report.html').read_text()
    last = read_policy(folder / 'policy.json').op_probs[-1]
    found = re.findall(r'</i></span>([\d.]+)</div>', page)
    assert found == [f'{value:.4f}' for value in sorted(last, reverse=True)]
    # two images as loaded, and after each of five candidates
    assert page.count('src="data:image/jpeg;base64,') == 2 * (1 + len(last))
    assert str(folder / 'policy.json') in page
    assert 'no change' in page  # Identity


def test_the_verdict_is_said_above_its_picture(large, tmp_path):
    path, schedule = large
    page = path.read_text()
    assert page.index('9 help: ') < page.index('5 harm: ') < page.index('<svg')
    assert '45 not told apart' in page
    assert 'may be chance' not in page
    nothing = [
        {**effect, 'verdict': 'not told apart', 'draws': 7}
        for effect in schedule.search['effects']
    ]
    again = replace(schedule, search={'effects': nothing})
    write_report(again, tmp_path / 'nothing.html', 'none')
    page = (tmp_path / 'nothing.html').read_text()
    told = 'None of the 59 candidates is told apart from no augmentation after 7 draws'
    assert page.index(told) < page.index('<svg')
    write_report(replace(schedule, search={}), tmp_path / 'old.html', 'none')
    assert 'no record of effects' in (tmp_path / 'old.html').read_text()


def test_forest_plot_ranks_candidates_and_draws_what_is_known(large):
    effects = large[1].search['effects']
    axes = plot(lambda axes: draw_effects(axes, effects)).axes[0]
    ranked = sorted(effects, key=lambda effect: effect['effect'])
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == [effect['candidate'] for effect in ranked]
    *drawn, _ = axes.lines  # the last is at zero
    colours = set()
    for line in drawn:
        ((x, y),) = line.get_xydata()
        effect = ranked[round(y)]
        assert effect['effect'] == x
        colours.add((effect['verdict'], line.get_color()))
    assert len(drawn) == len(effects) - 1  # but the one of which nothing is known
    assert len(colours) == len(dict(colours)) == 3
    ends = [
        segment[:, 0] for lines in axes.collections for segment in lines.get_segments()
    ]
    expected = [[e['low'], e['high']] for e in ranked if e['low'] is not None]
    np.testing.assert_allclose(sorted(map(list, ends)), sorted(expected))


def test_a_chart_of_zeros_says_that_there_was_nothing(large):
    assert 'there were none' in large[0].read_text()


@pytest.mark.parametrize(
    ('rates', 'follows', 'told'),
    [
        ([0.02, 0.05, 0.0005], True, 'was 1 % of its highest'),
        ([0.1, 0.01], True, 'was 10 % of its highest'),
        ([0.1, 0.01], False, None),
        ([0.002, 0.02, 0.02], True, None),  # a warm-up
        ([0.0, 0.0], True, None),
    ],
)
def test_a_rate_that_fell_is_told_not_to_be_convergence(
    tmp_path, large, rates, follows, told
):
    history = {**large[1].search['history'], 'learning_rate': rates}
    record = {'history': history, 'policy_follows_lr': follows}
    path = tmp_path / 'report.html'
    write_report(replace(large[1], search=record), path, 'none')
    page = path.read_text()
    assert ('no sign that the search has converged' in page) == bool(told)
    assert (told or '') in page


def test_report_names_nothing_outside_of_itself(large):
    page = large[0].read_text()
    assert not re.search(r'(?:src|href)="(?!data:|#)|url\((?!#)|@import|https?:', page)


@pytest.mark.drawn
def test_a_report_that_fails_costs_a_warning_only(tmp_path, monkeypatch, caplog):
    def fail(*args):
        raise OSError('no space left')

    monkeypatch.setattr(engine_report, 'write_report', fail)
    runner = toy.build_runner(tmp_path)
    warnings = []
    monkeypatch.setattr(runner.logger, 'warning', warnings.append)
    runner.train()
    assert any('no report.html: OSError: no space left' in text for text in warnings)
    assert not (tmp_path / 'report.html').exists()
    assert len(read_policy(tmp_path / 'policy.json')) == 2
    assert (tmp_path / 'ddas_policy.py').is_file()


def test_without_config_or_record_the_report_comes_without_pictures(searched, tmp_path):
    (tmp_path / 'policy.json').write_bytes((searched[0] / 'policy.json').read_bytes())
    reason = report_work_dir(tmp_path, tmp_path / 'new' / 'page.html')
    assert 'is not in' in reason
    page = (tmp_path / 'new' / 'page.html').read_text()
    assert 'No pictures: the search config' in page
    assert 'data:image/jpeg' not in page


def test_the_best_and_the_worst_candidates_are_shown(large):
    top, bottom = shown_candidates(large[1])
    last = large[1].op_probs[-1]
    assert last[top].min() >= np.sort(last)[-6]
    assert last[bottom].max() <= np.sort(last)[5]
    assert len({*top, *bottom}) == 12


@pytest.mark.parametrize('values', [[0.3], [0.0] * 5, [2, 2], [1e-9, 3e-9], [1e6, 1]])
def test_charts_hold_any_values(values):
    chart = Chart({'first': values, 'last': values[::-1]}, ('r', 0.5))
    axes = plot(chart.draw).axes[0]
    low, high = axes.get_ylim()
    assert low < min(*values, 0.5) < max(*values, 0.5) < high
    first, last = (list(line.get_ydata()) for line in axes.lines[:2])
    assert (first, last) == (values, values[::-1])
    assert f'first from {values[0]:.4g} in epoch 1 to {values[-1]:.4g}' in chart.summary
    places = [x for x in axes.get_xticks() if 1 <= x <= len(values)]
    assert places == [round(x) for x in places] != []


def test_a_chart_of_equal_values_keeps_its_range():
    axes = plot(Chart({'one': [0.3, 0.3]}, span=0.1).draw).axes[0]
    assert np.ptp(axes.get_ylim()) == pytest.approx(0.1)
    assert plot(Chart({'one': [0]}, bottom=0, span=4).draw).axes[0].get_ylim()[0] == 0


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('width', [390, 1280])
def test_report_in_a_browser(browser, large, width, scheme):
    path, _ = large
    browser.open(path, width, scheme)
    assert browser.problems() == []
    assert {url.partition(':')[0] for url in browser.requests()} == {'file', 'data'}
    assert browser.evaluate('document.documentElement.scrollWidth') <= width
    assert browser.evaluate(CUT) == []
    loaded = '[...document.images].every(i => i.naturalWidth > 0)'
    assert browser.evaluate(f'document.images.length == 26 && {loaded}')
    colours = 'getComputedStyle(document.body)'
    page = re.findall(r'\d+', browser.evaluate(f'{colours}.backgroundColor'))
    assert (int(page[0]) < 128) == (scheme == 'dark')
