"""The page as it was, cut down to what its viewer may see now: what has been hidden since is absent from its past."""

from collections.abc import Mapping
from dataclasses import dataclass

from hub.domain.audience import View
from hub.domain.incident import Impact, derived_impact
from hub.domain.page import Incident, Maintenance, Page
from hub.domain.snapshot import Json, incident_is_visible, maintenance_is_visible, roll_up_json
from hub.domain.status import Status, roll_up, worst


@dataclass(frozen=True, slots=True)
class Present:
    """What is there now. `visible`: components this view may know of; incidents, maintenances: by id."""

    page: Page
    view: View
    visible: frozenset[str]
    incidents: Mapping[str, Incident]
    maintenances: Mapping[str, Maintenance]

    def shows(self, component_id: str) -> bool:
        return self.view.sees_all or component_id in self.visible

    def shows_incident(self, incident_id: str) -> bool:
        found = self.incidents.get(incident_id)
        return found is not None and incident_is_visible(found, self.page, self.visible, self.view)

    def shows_maintenance(self, maintenance_id: str) -> bool:
        found = self.maintenances.get(maintenance_id)
        return found is not None and maintenance_is_visible(found, self.page, self.visible, self.view)


def narrow(past: Json, present: Present) -> Json:
    """`past`, a snapshot that this view (or one that sees less) was given once, without what it may not see now.

    An incident or maintenance that was deleted is absent, as if it had never been told; a component that was deleted
    stays while its audience admits the view. Roll-ups are those of what is left, and what counts over everything (the
    summary, the report) is left out when something was. Neither argument is changed.
    """
    components = [item for item in past["components"] if present.shows(item["id"])]
    by_group: dict[str, list[Status]] = {}
    for item in components:
        by_group.setdefault(item["group_id"], []).append(Status(item["status"]))
    groups = [
        item | {"status": worst(by_group.get(item["id"], ())).value}
        for item in past["groups"]
        if present.view.sees_all or item["id"] in by_group
    ]
    incidents = [_incident(item, present) for item in past["incidents"] if present.shows_incident(item["id"])]
    history = [_incident(item, present) for item in past["history"] if present.shows_incident(item["id"])]
    maintenances = [
        _maintenance(item, present) for item in past["maintenances"] if present.shows_maintenance(item["id"])
    ]
    is_whole = (components, incidents, history, maintenances) == tuple(
        past[name] for name in ("components", "incidents", "history", "maintenances")
    )
    left = {"components": components, "groups": groups, "incidents": incidents, "history": history}
    if is_whole and _reports_shown(past["report"], present):
        return past | left | {"maintenances": maintenances}
    return past | left | {
        "maintenances": maintenances,
        "status": roll_up_json(roll_up([Status(item["status"]) for item in components])),
        "summary": None,
        "report": None,
    }  # fmt: skip


def _reports_shown(report: Json | None, present: Present) -> bool:
    return report is None or all(present.shows(item["id"]) for item in report["components"])


def _incident(item: Json, present: Present) -> Json:
    updates = [_update(update, present) for update in item["updates"]]
    if updates == item["updates"]:
        return item
    # An impact that somebody had set stays; one that followed from the components follows from those that are left.
    derived = _impact(item["updates"])
    impact = _impact(updates) if item["impact"] == derived else item["impact"]
    words = {key: word for key, word in item["components"].items() if present.shows(key)}
    return item | {"updates": updates, "components": words, "impact": impact}


def _maintenance(item: Json, present: Present) -> Json:
    return item | {
        "components": [key for key in item["components"] if present.shows(key)],
        "updates": [_update(update, present) for update in item["updates"]],
    }


def _update(update: Json, present: Present) -> Json:
    affected = [item for item in update["affected"] if present.shows(item["id"])]
    return update | {"affected": affected, "components": {item["id"]: item["new_status"] for item in affected}}


def _impact(updates: list[Json]) -> str:
    statuses = (Status(item["new_status"]) for update in updates for item in update["affected"])
    return Impact(derived_impact(statuses)).value
