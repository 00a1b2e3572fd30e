"""`evalkit judge …`: the judge as an instrument, held against people's labels and its own past."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from evalkit.cli.options import Commands, at_least_one, command, say, surroundings, traffic

DEFAULT_LABELS = Path("labels.csv")
ANCHORS = 100
EXIT_JUDGE_CHANGED = 11
"""That of a measurement that is not valid: nothing follows about the target."""


def add(commands: Commands) -> None:
    """`judge calibrate`, `label`, `drift`."""
    group = commands.add_parser("judge", help="calibrate a judge, label answers, look for drift")
    verbs = group.add_subparsers(required=True, metavar="VERB")
    calibrate = command(
        verbs, "calibrate", calibrate_command, "measure a judge against people's labels"
    )
    calibrate.add_argument("judge", help="a profile, whose judge it is, or <provider>/<model>")
    calibrate.add_argument("labels", help="begin (in the package), or a CSV file")
    calibrate.add_argument("--profile", default="offline", help="whose embedder <provider>/… has")
    calibrate.add_argument("--suite", default="", help="the suite whose answers were labelled")
    calibrate.add_argument(
        "--metric", default="", help="the metric of the labels (the file's, else faithfulness)"
    )
    calibrate.add_argument("--limit", type=at_least_one, help="ask about so many, drawn by id")
    traffic(calibrate)

    label = command(verbs, "label", label_command, "label answers of a saved run, one by one")
    label.add_argument("run", type=Path, help="a run.json file")
    label.add_argument("--n", type=at_least_one, default=50, help="how many answers (50)")
    label.add_argument("--metric", default="faithfulness", help="what is labelled (faithfulness)")
    label.add_argument("--out", type=Path, default=DEFAULT_LABELS, help="where the labels go")
    way = label.add_mutually_exclusive_group()
    way.add_argument("--export", type=Path, metavar="CSV", help="write the sample to be filled in")
    way.add_argument(
        "--import", type=Path, metavar="CSV", dest="filled", help="read a filled-in sample"
    )

    drift = command(
        verbs, "drift", drift_command, "judge kept answers again; exit 11 where the judge changed"
    )
    drift.add_argument("suite", type=Path)
    drift.add_argument("--profile", default="offline")
    drift.add_argument("--anchors", type=at_least_one, default=ANCHORS, help="how many answers")
    traffic(drift)
    # A remembered reply says nothing of today's judge.
    drift.set_defaults(no_cache=True)


def calibrate_command(options: argparse.Namespace) -> int:
    from evalkit import calibrating, cards, pipeline
    from evalkit.config import find_root, load_project
    from evalkit.gates.wording import count

    project = load_project(find_root(Path.cwd()))
    about = calibrating.about(project, options.suite) if options.suite else None
    place = pipeline.fresh_place(project.root / ".evalkit" / "calibrate", resume=False)
    with surroundings(options, place) as around:
        models, tools = calibrating.judge_of(
            project, options.judge, profile=options.profile, traffic=around
        )
        labelled = calibrating.labelled_set(options.labels, judge=tools.judge)
        if options.limit:
            labelled = calibrating.first(labelled, options.limit)
        asked = sum(item.human is not None for item in labelled.items)
        print(f"asking about {count(asked, labelled.unit)}", file=sys.stderr)
        found = calibrating.calibrated(labelled, models, tools, about=about, metric=options.metric)
    say(calibrating.told(found))
    card = cards.save(project.root, found.calibration)
    say(f"card: {card.relative_to(project.root)}")
    return 0


def label_command(options: argparse.Namespace) -> int:
    from evalkit import calibrating, codec, labelling
    from evalkit.datasets.labelled import read_labelled, write_labelled
    from evalkit.records import Saved

    calibrating.judged_metric(options.metric)
    run = codec.load(Saved, options.run).run
    sheet = labelling.sheet(run, metric=options.metric, n=options.n)
    # What was labelled before stays, also in a sheet that somebody has begun to fill in.
    for path in filter(None, (options.out, options.export, options.filled)):
        if path.exists() or path is options.filled:
            sheet = labelling.joined(sheet, path)
    if options.export:
        write_labelled(options.export, sheet.labelled)
        say(str(options.export))
        return 0
    # Before the first question: what cannot be written is to be known then.
    write_labelled(options.out, sheet.labelled)
    if not options.filled:
        labelling.walk(
            sheet, ask=_ask, tell=say, keep=lambda item: labelling.record(options.out, item)
        )
    say(f"{labelling.progress(read_labelled(options.out))}: {options.out}")
    of = run.fingerprint
    words = ["evalkit", "judge", "calibrate", of.profile, str(options.out), "--suite", of.suite]
    say(f"Next: {shlex.join(words)}")
    return 0


def drift_command(options: argparse.Namespace) -> int:
    from evalkit import answers, assemble, baselines, pipeline, rejudging
    from evalkit.config import find_root, load_project
    from evalkit.errors import DataError, Problem

    project = load_project(find_root(Path.cwd()))
    place = pipeline.fresh_place(project.root / ".evalkit" / "drift", resume=False)
    changed = False
    with surroundings(options, place) as around:
        for plan in assemble.plans(
            options.suite.resolve(), project=project, profile=options.profile, traffic=around
        ):
            baseline = baselines.load_baseline(project.root, options.profile, plan.name)
            kept = answers.load(project.root, options.profile, plan.name, baseline)
            if kept is None:
                what = "the baseline keeps no answers that could be judged again"
                mend = "keep_answers = true under [suite], and a baseline promoted since"
                raise DataError([Problem(where=plan.name, what=what, allowed=mend)])
            for found in rejudging.drift(
                plan, baseline, kept, anchors=options.anchors, seed=baseline.promoted_at
            ):
                say(f"{plan.name}: {found.text}")
                changed |= found.drifted
    return EXIT_JUDGE_CHANGED if changed else 0


def _ask(prompt: str) -> str:
    try:
        return input(prompt)
    except (EOFError, KeyboardInterrupt):
        return "q"
