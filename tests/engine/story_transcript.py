"""The transcript of a story: for each step, the messages that arrived and the state that each receiver shows then.

It names events, severities and NSGs, not sentences, which have separate golden files.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.cluster.alertmanager import AlertKey
from tests.engine.story_receivers import Received, Receivers

_SEVERITIES = ("critical", "high", "medium", "low", "info")
_RECORD_STATES = {"1": "open", "2": "in progress", "6": "resolved", "7": "closed"}


@dataclass(slots=True)
class Transcript:
    """Compares what the receivers have with what they had at the last step.

    Attributes:
        subject_of: returns what an incident is about, by its name.
    """

    receivers: Receivers
    subject_of: Callable[[str], str]
    _seen: dict[str, int] = field(default_factory=Counter)
    _pager_events: int = 0
    _ticket_requests: int = 0
    _alert_states: dict[AlertKey, str] = field(default_factory=dict)
    _keys: dict[str, Counter[str]] = field(default_factory=dict)

    def step(self, title: str, *, repeats: int) -> str:
        """Return what happened since the last step.

        Args:
            title: the title of the step.
            repeats: how often a message may have been repeated: once for each kill.
        """
        lines = [
            *(f"messages      {line}" for line in self._messages(repeats)),
            *(f"pagerduty     {line}" for line in self._pagerduty(repeats)),
            *(f"alertmanager  {line}" for line in self._alertmanager()),
            *(f"servicenow    {line}" for line in self._servicenow()),
        ]
        return "\n".join((title, *(f"      {line}" for line in lines or ["nothing"]))) + "\n"

    def _messages(self, repeats: int) -> Iterator[str]:
        """Yield a line for each new message: its event, severity and subject, and who did not get it."""
        receivers_of: dict[str, list[str]] = {}
        for receiver, messages in self.receivers.received.items():
            counts = self._keys.setdefault(receiver, Counter())
            for message in messages[self._seen[receiver] :]:
                self._check_title(message)
                counts[message.key] += 1
                if counts[message.key] == 1:
                    receivers_of.setdefault(message.key, []).append(receiver)
                elif repeats <= 0 or counts[message.key] > repeats + 1:
                    yield f"REPEATED {self._meaning(message.key)} ({receiver})"
            self._seen[receiver] = len(messages)
        for key, receivers in receivers_of.items():
            yield f"{self._meaning(key)}{self._who(receivers)}"

    def _meaning(self, key: str) -> str:
        alert = self.receivers.json_alerts.get(key)
        if alert is None:
            return key
        subjects = ", ".join(self.subject_of(incident["name"]) for incident in alert["incidents"])
        return f"{alert['event']} {alert['severity']} {subjects}"

    def _who(self, receivers: list[str]) -> str:
        others = [name for name in self.receivers.received if name not in receivers]
        if not others:
            return ""
        return f" (only {receivers[0]})" if len(receivers) == 1 else f" (not {', '.join(others)})"

    def _check_title(self, message: Received) -> None:
        """A title alone says which severity is open where."""
        alert = self.receivers.json_alerts.get(message.key)
        if alert is None:
            return
        (incident,) = alert["incidents"]
        place = (incident.get("nsg") or "").rpartition("/")[2] or incident.get("guardrail") or incident["scope"]
        assert place in message.title, message.title
        if alert["event"] != "Resolved":
            assert f"[{alert['severity'].upper()}" in message.title.replace("\u200b", ""), message.title

    def _pagerduty(self, repeats: int) -> Iterator[str]:
        """Yield the actions for each alert, and its state."""
        account = self.receivers.pagerduty
        actions: dict[str, list[str]] = {}
        for key, action, _ in account.events[self._pager_events :]:
            actions.setdefault(key, []).append(action)
        self._pager_events = len(account.events)
        for key, taken in actions.items():
            name = self.subject_of(key.rpartition("/")[2])
            alert = account.alerts[key][-1]
            number = sum(account.count(other) for other in account.alerts if self._is_about(other, name))
            shown = ", ".join(_once(taken) if repeats else taken)
            yield f"{name}: {shown}; alert {number} {alert.state} {alert.severity}"

    def _alertmanager(self) -> Iterator[str]:
        """Yield the alerts whose last notification differs."""
        states = self.receivers.hook.states
        changed: dict[str, list[tuple[int, str]]] = {}
        for (incident, severity), status in states.items():
            if self._alert_states.get((incident, severity)) != status:
                changed.setdefault(incident, []).append((_SEVERITIES.index(severity), f"{severity} {status}"))
        self._alert_states = dict(states)
        for incident, alerts in changed.items():
            yield f"{self.subject_of(incident)}: {', '.join(text for _, text in sorted(alerts))}"

    def _servicenow(self) -> Iterator[str]:
        """Yield the writes for each record, and its state."""
        desk = self.receivers.desk
        actions: dict[str, list[str]] = {}
        for method, path, body in desk.requests[self._ticket_requests :]:
            if method == "POST":
                actions.setdefault(body["correlation_id"], []).append("create")
            elif method == "PATCH":
                action = "resolve" if body.get("state") == "6" else "note"
                actions.setdefault(desk.tickets[path.rpartition("/")[2]]["correlation_id"], []).append(action)
        self._ticket_requests = len(desk.requests)
        for thread, taken in actions.items():
            name = self.subject_of(thread.rpartition("/")[2])
            records = [ticket for ticket in desk.tickets.values() if self._is_about(ticket["correlation_id"], name)]
            state = _RECORD_STATES[records[-1]["state"]]
            level = f"{records[-1]['urgency']}/{records[-1]['impact']}"
            yield f"{name}: {', '.join(taken)}; record {len(records)} {state} {level}"

    def _is_about(self, thread: str, subject: str) -> bool:
        return self.subject_of(thread.rpartition("/")[2]) == subject


def _once(actions: list[str]) -> list[str]:
    """Return the actions of a message without those of its repeat."""
    half = len(actions) // 2
    return actions[:half] if half and actions[:half] == actions[half:] else actions
