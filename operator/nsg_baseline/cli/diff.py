"""`nsgb diff`: the traffic that a change of baselines newly allows or denies."""

import sys
from collections.abc import Iterator

import click

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.cli.guardrail_files import CheckedNSG, GuardrailFiles, guardrail_option
from nsg_baseline.cli.render.diff import FORMS, Difference, Revision
from nsg_baseline.cli.severity_options import severity_options
from nsg_baseline.cli.sources import Sourced, now, read_given_baselines
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.baseline_diff import diff_baselines

DIFFERENCES = 2


@click.command()
@click.argument("old")
@click.argument("new")
@click.option(
    "-o", "--output", type=click.Choice(list(FORMS)), default="table", show_default=True, help="Output format."
)
@guardrail_option
@severity_options
def diff(
    *, old: str, new: str, output: str, guardrails: GuardrailFiles | None, severity_config: SeverityConfig
) -> None:
    r"""Show the traffic that a change of baselines newly allows or denies, for the review of a pull request.

    OLD and NEW are files or folders with NSGBaselines. Baselines of the same NSG are compared, whatever their names.
    With -g, also shows which guardrails the baselines in NEW violate. Exits with 0 if the meaning is the same and no
    guardrail is violated, 2 otherwise, and 1 if a file cannot be read.

    \b
    git worktree add ../main main && nsgb diff ../main/baselines baselines -o markdown
    """
    before, after = read_given_baselines([old]), read_given_baselines([new])
    revisions = tuple(_revisions(before, after, severity_config))
    checked = _checked(after, guardrails, severity_config)
    click.echo(FORMS[output](Difference(revisions, checked, guardrails)))
    violated = any(nsg.violations for nsg in checked)
    sys.exit(0 if all(revision.revised.same for revision in revisions) and not violated else DIFFERENCES)


def _checked(
    sources: list[Sourced], guardrails: GuardrailFiles | None, severity_config: SeverityConfig
) -> tuple[CheckedNSG, ...]:
    if guardrails is None:
        return ()
    return tuple(
        guardrails.of_baseline(source.baseline.spec, now(), severity_config.tags, "/".join(source.baseline.key))
        for source in sources
    )


def _revisions(old: list[Sourced], new: list[Sourced], severity_config: SeverityConfig) -> Iterator[Revision]:
    before, after = ({_nsg(source): source for source in sources} for sources in (old, new))
    for nsg in sorted(before | after):
        was, becomes = before.get(nsg), after.get(nsg)
        present = becomes or was
        if present is not None:
            yield Revision(present, diff_baselines(_spec(was), _spec(becomes), now(), severity_config))


def _spec(source: Sourced | None) -> BaselineSpec | None:
    return source.baseline.spec if source is not None else None


def _nsg(source: Sourced) -> str:
    return source.baseline.spec.target.resource_id.rstrip("/").lower()
