"""A reconcile of a scope with everything that it leaves to the shares, without a loop and its pauses."""

from nsg_baseline.core.decisions import Reading
from nsg_baseline.core.observations import Observation
from nsg_baseline.core.shares import Shares
from nsg_baseline.engine.guardrail_checks import GuardrailChecks
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.reconcile_nsg import NSGReconciler
from nsg_baseline.engine.reconcile_scope import ScopeReconciler
from nsg_baseline.engine.scope_snapshot import ScopeResult, ScopeSnapshot


async def reconcile_all(
    dependencies: Dependencies,
    snapshot: ScopeSnapshot,
    memory: dict[str, Observation],
    checks: GuardrailChecks | None = None,
) -> ScopeResult:
    """List the scope, and then reconcile the single NSGs in their turns."""
    shares = Shares()
    result = await ScopeReconciler(dependencies, snapshot, memory, shares, checks).run()
    nsgs = NSGReconciler(dependencies, snapshot, memory, result, dependencies.clock())
    reading: Reading = "Complete" if result.failure is None else "BrokenOff"
    while (task := shares.take()) is not None:
        await nsgs.read_and_reconcile(task.nsg, reading)
        shares.finish(task)
    result.drifted = sum(memory[nsg].drifts for nsg in snapshot.baselines if nsg in memory)
    return result
