"""An API that every test of this room may ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from api_caller import calling

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from api_caller import Caller


@pytest_asyncio.fixture
async def caller(tmp_path: Path) -> AsyncIterator[Caller]:
    """Give the API of `be-fp`."""
    async with calling(tmp_path) as it:
        yield it
