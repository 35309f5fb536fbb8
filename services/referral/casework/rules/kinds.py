"""The kinds that rules speak of, by their names in the procedure."""

from __future__ import annotations

from typing import Final

NOTIFICATION: Final = "assistance-request-notification"
CONFIRMATION: Final = "assistance-request-confirmation"
REPLY: Final = "clarification-reply"
REINTEGRATION_REQUEST: Final = "reintegration-assistance-request"
REINTEGRATION_CONFIRMATION: Final = "reintegration-assistance-confirmation"
ASSESSMENT: Final = "risk-assessment"
ITINERARY: Final = "travel-itinerary"
APPROVAL: Final = "travel-approval"
DEPARTURE: Final = "post-departure-notification"
UPDATE: Final = "travel-update"
ALERT: Final = "non-arrival-alert"
UNPREPARED: Final = "unprepared-return-notice"
MONITORING: Final = "monitoring-report"
REOPENING: Final = "case-reopening"
EVERY: Final = "*"
