"""Steps as telemetry, and what it sent."""

from __future__ import annotations
