"""The last line of the console."""

from __future__ import annotations

import pytest

from console.ui import ConsoleApp
from tests.console.consoles import running, screen_text
from tests.corpus import WatchedStore, pipeline_on

CAUSE = "rerank: Cohere: 401 Unauthorized: invalid api token"
WAY_OUT = "check the key: rerank.api_key, or the provider's own variable"


@pytest.mark.parametrize(("width", "height"), [(80, 2), (160, 1)])
async def test_the_way_out_is_seen_whole(store: WatchedStore, width: int, height: int) -> None:
    async with running(pipeline_on(store), None, (width, 24)) as (app, pilot):
        assert isinstance(app, ConsoleApp)
        app.main.tell(f"{CAUSE} · {WAY_OUT}", "error")
        await pilot.pause()
        assert app.main.foot.size.height == height
        assert "the provider's own variable" in screen_text(app).splitlines()[-1]
        await pilot.resize_terminal(240 - width, 24)
        await pilot.pause()
        assert app.main.foot.size.height == 3 - height
        app.main.tell("")
        await pilot.pause()
        assert app.main.foot.size.height == 1
