"""The Celery application as it is built from settings."""

from typing import Any

import pytest
from celery import Celery

from hub.settings import Settings
from tasks.app import Timing, create_app


def app_of(**values: Any) -> Celery:

    return create_app(Settings.model_validate(values))


@pytest.fixture(scope="module")
def app() -> Celery:
    return app_of(redis_url="redis://redis.test:6379/0", database_url="postgresql://db.test/hub")


def test_only_json_is_taken_and_nothing_is_kept(app: Celery) -> None:
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == "json"
    assert app.conf.result_backend is None
    assert app.conf.task_ignore_result is True


def test_a_task_counts_as_done_only_when_it_is_done(app: Celery) -> None:
    assert app.conf.task_acks_late is True
    assert app.conf.task_reject_on_worker_lost is True
    assert app.conf.worker_prefetch_multiplier == 1


def test_lost_work_comes_back_after_more_than_twice_the_time_limit(app: Celery) -> None:
    options = app.conf.broker_transport_options
    assert options["visibility_timeout"] > 2 * app.conf.task_time_limit
    assert options["unacked_restore_interval"] * options["unacked_restore_throttle"] <= 10


def test_every_scheduled_task_exists_and_its_ticks_expire(app: Celery) -> None:
    assert app.conf.beat_schedule
    for entry in app.conf.beat_schedule.values():
        assert entry["task"] in app.tasks
        assert 0 < entry["options"]["expires"] <= 60


def test_the_tasks_are_named_as_others_know_them(app: Celery) -> None:
    own = {name for name in app.tasks if not name.startswith("celery.")}
    assert own == {
        "latency.prune",
        "mails.send_due",
        "maintenance.advance",
        "maintenance.advance_due",
        "reports.store",
        "reports.store_due",
        "summaries.publish",
        "summaries.publish_due",
    }


def test_the_clock_is_utc(app: Celery) -> None:
    assert (app.conf.timezone, app.conf.enable_utc) == ("UTC", True)
    assert 5 <= app.conf.redbeat_lock_timeout <= 15


@pytest.mark.parametrize(
    ("redis_url", "broker_url"),
    [
        ("redis://redis:6379/0", "redis://redis:6379/0"),
        ("rediss://user:secret@redis:6380/2", "rediss://user:secret@redis:6380/2"),
        ("unix:///run/hub/valkey.sock?db=3", "redis+socket:///run/hub/valkey.sock?virtual_host=3"),
        ("unix:///run/hub/valkey.sock", "redis+socket:///run/hub/valkey.sock?virtual_host=0"),
    ],
)
def test_every_kind_of_redis_address_reaches_the_broker(redis_url: str, broker_url: str) -> None:
    app = app_of(redis_url=redis_url, database_url="postgresql://db.test/hub")
    assert app.conf.broker_url == broker_url
    assert app.conf.redbeat_redis_url == redis_url


def test_sentinels_reach_queue_and_schedule() -> None:
    url = "redis+sentinel://u:p%40ss@one:26380,two/main/3?sentinel_password=s"
    conf = app_of(redis_url=url, database_url="postgresql://db.test/hub").conf
    assert conf.broker_url == "sentinel://u:p%40ss@one:26380/3;sentinel://u:p%40ss@two:26379/3"
    assert conf.broker_transport_options["master_name"] == "main"
    assert conf.broker_transport_options["sentinel_kwargs"]["password"] == "s"
    assert conf.broker_transport_options["visibility_timeout"] == 75
    options = conf.redbeat_redis_options
    assert conf.redbeat_redis_url.startswith("redis-sentinel")
    assert (options["service_name"], options["db"], options["password"]) == ("main", 3, "p@ss")
    assert options["sentinels"] == [("one", 26380), ("two", 26379)]


def test_celery_needs_another_redis_than_a_cluster() -> None:
    cluster, database = "redis+cluster://one,two", "postgresql://db.test/hub"
    with pytest.raises(ValueError, match="set CELERY_BROKER_URL"):
        app_of(redis_url=cluster, database_url=database)
    app = app_of(redis_url=cluster, celery_broker_url="redis://queue:6379/0", database_url=database)
    assert app.conf.broker_url == app.conf.redbeat_redis_url == "redis://queue:6379/0"


def test_without_redis_there_is_no_application() -> None:
    with pytest.raises(ValueError, match="no Redis configured"):
        create_app(Settings.model_validate({"database_url": "postgresql://db.test/hub"}))


def test_a_visibility_timeout_that_would_start_a_slow_task_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice the time limit"):
        Timing(time_limit_s=30, visibility_timeout_s=60)
