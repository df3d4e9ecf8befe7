"""`sensorium dataset`, `job` and `connection`: a folder is imported, tagged, indexed, edited, counted and listed."""

import json
from pathlib import Path
from typing import Any

import pytest
from dataset_samples import TaskRunner, neighbours
from memory_mesh import MemoryMesh

from sensorium.cli.failures import ExitStatus
from sensorium.client import datasets as client_datasets
from sensorium.dataset import version_copies
from sensorium.dataset.embedded import embedded_datasets
from sensorium.settings import DatasetSettings


@pytest.fixture
def road(run: Any, mesh: MemoryMesh, tmp_path: Path) -> Path:
    """A dataset over a folder of two texts, and a tag definition."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.txt").write_text("aaaa")
    (folder / "b.txt").write_text("bbbb")
    settings = DatasetSettings(roots=(tmp_path,), export_roots=(tmp_path,), retry_seconds=())
    mesh.datasets = lambda: embedded_datasets(tmp_path / "state", settings, neighbours(mesh), TaskRunner)
    definition = tmp_path / "letters.json"
    definition.write_text(json.dumps({"tags": {"aaa": "", "bbb": ""}, "threshold": 0.9}))
    assert run("tag", "definition", "create", "letters", str(definition)).status == 0
    assert "created" in run("dataset", "create", "road", "--uri", str(folder)).out
    return folder


def job_name(ran: Any) -> str:
    name: str = ran.out.split()[0]
    return name


def test_the_workflow_of_a_dataset(run: Any, road: Path) -> None:
    assert "work on 2 files" in run("dataset", "import", "road", "--dry-run").out
    assert "2 of 2" in run("dataset", "import", "road").out
    assert "work on 0 files" in run("dataset", "import", "road", "--dry-run").out
    assert "work on 2 files" in run("dataset", "tag", "road", "letters", "--dry-run").out
    tagging = run("dataset", "tag", "road", "letters")
    assert "Succeeded" in tagging.out
    assert "0 of 0" in run("dataset", "tag", "road", "letters", "--incremental").out
    assert "2 of 2" in run("dataset", "index", "road").out
    assert run("dataset", "files", "road", "--filter", 'Tags HAS "aaa"').out == "a.txt  4 bytes  aaa\n"
    edited = run("dataset", "edit", "road", "--filter", 'FileName = "a.txt"', "--add", "mine", "--hide", "aaa")
    assert edited.out == "changed 1 of 1 files\n"
    shown = run("dataset", "show", "road", "a.txt").out
    assert "people       mine\n" in shown
    assert "hidden       aaa\n" in shown
    assert "algorithm    aaa 1.00 (similarity 1.00), by letters 1 with letters" in shown
    assert "user: +mine" in shown
    assert run("dataset", "show", "road", "c.txt").status == ExitStatus.NOT_FOUND
    facets = run("dataset", "facets", "road", "--by", "tags", "--json").documents()
    assert (facets[0]["file_count"], facets[0]["facets"][0]["counts"]) == (2, [["bbb", 1], ["mine", 1]])
    assert "2 files, 8 bytes" in run("dataset", "facets", "road").out
    assert "2 of 2" in run("dataset", "revert", "road", job_name(tagging)).out
    assert "v1" in run("dataset", "list").out
    assert "published" in run("dataset", "publish", "road", "--version", "1").out
    assert run("dataset", "import", "road", "--version", "1").status == ExitStatus.REFUSED
    assert "versions/v2 with 0 files" in run("dataset", "version", "create", "road", "--description", "more").out
    assert "versions/v3 with 2 files" in run("dataset", "version", "create", "road", "--from", "1").out
    assert run("dataset", "version", "create", "road", "--from", "9").status == ExitStatus.NOT_FOUND
    assert [each["state"] for each in run("dataset", "version", "list", "road", "--json").documents()] == [
        "draft",
        "draft",
        "published",
    ]
    assert "more" in run("dataset", "version", "list", "road").out
    assert "removed" in run("dataset", "diff", "road", "2", "1").out
    assert run("dataset", "version", "delete", "road", "2").status == 0
    assert run("dataset", "version", "delete", "road", "2").status == ExitStatus.NOT_FOUND
    assert run("dataset", "change", "road").status == ExitStatus.INVALID
    [changed] = run("dataset", "change", "road", "--description", "of roads", "--json").documents()
    assert (changed["name"], changed["spec"]["description"]) == ("workspaces/default/datasets/road", "of roads")
    assert run("dataset", "delete", "road").status == ExitStatus.REFUSED
    assert run("dataset", "delete", "road", "--force").status == 0
    assert run("dataset", "list").out == "no datasets\n"


def test_a_large_copy_is_followed_or_left_to_itself(run: Any, road: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version_copies, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(client_datasets, "COPY_SECONDS", 0.01)
    run("dataset", "import", "road")
    assert "versions/v2 with 2 files" in run("dataset", "version", "create", "road", "--from", "1").out
    left = run("dataset", "version", "create", "road", "--from", "1", "--no-wait").out
    assert left.endswith("v3: 0 of 2 files of v1\n")
    assert "versions/v3 has 2 files" in run("dataset", "version", "watch", "road", "3").out
    shown = run("dataset", "version", "show", "road").out.splitlines()
    assert shown[0].endswith("versions/v3")
    assert "state        draft" in shown
    assert "files        2" in shown


def test_jobs_are_listed_shown_and_told_what_to_do(run: Any, road: Path) -> None:
    (road / "bad.png").write_text("no picture")
    imported = run("dataset", "import", "road")
    assert imported.status == ExitStatus.PARTIAL
    name = job_name(imported)
    assert "MEDIA_UNDECODABLE" in run("job", "files", name, "--failed").out
    assert name in run("job", "list").out
    assert [job["state"] for job in run("job", "list", "--json").documents()] == ["PartialFailed"]
    (road / "bad.png").unlink()
    assert run("job", "retry", name).status == 0
    assert run("job", "watch", name).status == ExitStatus.PARTIAL
    assert "RESOURCE_NOT_FOUND" in run("job", "files", name).out
    for order in ("pause", "resume", "cancel"):
        assert run("job", order, name).status == ExitStatus.REFUSED
    assert "import" in run("job", "change", name, "--description", "the first", "--concurrency", "3").out
    shown = run("job", "show", name).out
    assert "concurrency   3\ndescription   the first\n" in shown
    assert "ends: PartialFailed" in shown
    assert run("job", "change", name).status == ExitStatus.INVALID
    assert run("job", "list", "--state", "Running").out == "no jobs\n"
    [listed] = run("job", "list", "--state", "PartialFailed", "--json").documents()
    assert listed["kind"] == "import"
    assert run("job", "delete", listed["name"]).status == 0
    assert run("job", "show", name).status == ExitStatus.NOT_FOUND


def test_every_job_can_be_tried_without_doing_anything(run: Any, road: Path, tmp_path: Path) -> None:
    def would(*command: str) -> str:
        tried = run("dataset", *command, "--dry-run")
        assert tried.status == 0
        said: str = tried.out
        return said

    assert would("import", "road") == "it would work on 2 files\n  2 to add\n"
    run("dataset", "import", "road")
    assert "  2 to add\n" in would("tag", "road", "letters")
    tagging = job_name(run("dataset", "tag", "road", "letters"))
    assert "  2 to change, 2 tags to remove\n" in would("revert", "road", tagging)
    assert would("reconcile", "road") == "it would work on 0 files\n"
    run("dataset", "index", "road")
    assert "  2 as they are\n" in would("reconcile", "road")
    out = str(tmp_path / "out")
    assert "  2 to add\n" in would("export", "road", out)
    run("dataset", "export", "road", out)
    assert run("dataset", "export", "road", out, "--dry-run").status != 0
    run("dataset", "create", "copy", "--uri", str(road))
    assert "  2 to add, 2 tags to add\n" in would("import-export", "copy", out)
    run("dataset", "import-export", "copy", out)
    assert "  2 as they are\n" in would("import-export", "copy", out)
    run("dataset", "create", "picked", "--logical")
    assert "  2 to add, 2 tags to add\n" in would("export-to", "road", "picked")
    assert len(run("job", "list", "--json").documents()) == 5


def test_what_no_export_knows_is_an_error_of_the_option(run: Any, road: Path) -> None:
    for wrong in (["--format", "csv"], ["--tags", "all"]):
        refused = run("dataset", "export", "road", str(road), *wrong)
        assert (refused.status, refused.out) == (ExitStatus.INVALID, "")
        assert wrong[1] in refused.err


def test_a_search_within_a_dataset_takes_words_tags_and_filters(run: Any, road: Path) -> None:
    run("dataset", "import", "road")
    run("dataset", "index", "road")
    run("dataset", "edit", "road", "--filter", 'FileName = "b.txt"', "--add", "mine")
    assert run("dataset", "search", "road").out.splitlines() == [
        "2 files match",
        "1. a.txt  4 bytes",
        "2. b.txt  4 bytes  mine",
    ]
    found = run("dataset", "search", "road", "bbbb", "--without", "aaaa", "--facet", "tags").out.splitlines()
    assert found[1].startswith("1. ")
    assert found[1].endswith("b.txt  4 bytes  mine")
    assert found[-2:] == ["tags: 1 value", "  mine  1"]
    assert "1 file matches" in run("dataset", "search", "road", "aaaa", "--any-tag", "mine", "--any-tag", "other").out
    assert "2 files match\n" in run("dataset", "search", "road", "aaaa", "--explain").out
    assert run("dataset", "search", "road", "--without", "aaaa").status == ExitStatus.INVALID


def test_hits_come_by_page_or_all_at_once(run: Any, road: Path) -> None:
    for name in "cde":
        (road / f"{name}.txt").write_text(name)
    run("dataset", "import", "road")
    first = run("dataset", "search", "road", "--page-size", "2", "--facet", "file_type")
    assert first.out.splitlines() == [
        "5 files match",
        "1. a.txt  4 bytes",
        "2. b.txt  4 bytes",
        "file_type: 1 value",
        "  text  5",
    ]
    [token] = [line.removeprefix("more: --page-token ") for line in first.err.splitlines()]
    options = ("--page-size", "2", "--facet", "file_type")
    second = run("dataset", "search", "road", *options, "--page-token", token)
    assert second.out.splitlines()[:3] == ["5 files match", "3. c.txt  1 bytes", "4. d.txt  1 bytes"]
    assert run("dataset", "search", "road", *options, "--page-token", token, "--json").documents()[0]["next_page_token"]
    every = run("dataset", "search", "road", "--all", *options)
    assert (len(every.out.splitlines()), every.err) == (8, "")
    assert every.out.splitlines()[-1] == "5. e.txt  1 bytes"
    pages = run("dataset", "search", "road", "--all", *options, "--json").documents()
    assert [hit["rank"] for page in pages for hit in page["hits"]] == [1, 2, 3, 4, 5]
    assert len(run("dataset", "search", "road", "--all").out.splitlines()) == 6
    assert run("dataset", "search", "road", "--all", "--page-token", token).status == ExitStatus.INVALID
    assert run("dataset", "search", "road", "--page-token", "nonsense").status == ExitStatus.INVALID


def test_a_dataset_has_an_edition(run: Any, road: Path) -> None:
    [basic] = run("dataset", "create", "plain", "--uri", str(road), "--edition", "basic", "--json").documents()
    assert basic["spec"]["edition"] == "BASIC"
    [raised] = run("dataset", "change", "plain", "--edition", "advanced", "--json").documents()
    assert (raised["spec"]["edition"], raised["spec"]["description"]) == ("ADVANCED", "")
    assert run("dataset", "change", "plain", "--edition", "logical").status == ExitStatus.INVALID
    for given in (["--logical"], ["--edition", "logical"]):
        [logical] = run("dataset", "create", f"picked{len(given)}", *given, "--json").documents()
        assert logical["spec"]["edition"] == "LOGICAL"
    assert run("dataset", "create", "both", "--logical", "--edition", "basic").status == ExitStatus.INVALID


def test_nothing_to_show_is_said(run: Any, road: Path) -> None:
    assert run("dataset", "files", "road").err == "no files\n"
    assert run("connection", "list").out == "no connections\n"
    assert run("job", "list").out == "no jobs\n"
    run("dataset", "import", "road")
    run("dataset", "index", "road")
    assert run("dataset", "files", "road", "--filter", 'FileType = "image"').err == "no files match\n"
    assert run("dataset", "duplicates", "road").err == "no near duplicates\n"
    assert run("dataset", "diff", "road", "1", "1").err == "no differences\n"


def test_connections_take_their_secrets_from_the_environment(
    run: Any, road: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "hidden")
    made = run("connection", "create", "s", "--kind", "s3", "--config", "bucket=b", "--secret", "access_key_id=MY_KEY")
    assert made.status == 0
    listed = run("connection", "list", "--json")
    assert listed.documents()[0]["secret_names"] == ["access_key_id"]
    assert "hidden" not in listed.out + made.out
    assert "bucket=b" in run("connection", "list").out
    assert run("connection", "change", "s").status == ExitStatus.INVALID
    monkeypatch.setenv("NEW_KEY", "concealed")
    secrets = ("--secret", "access_key_id=NEW_KEY", "--secret", "secret_access_key=NEW_KEY")
    [changed] = run("connection", "change", "s", *secrets, "--description", "ours", "--json").documents()
    assert changed["secret_names"] == ["access_key_id", "secret_access_key"]
    assert (changed["spec"]["description"], changed["spec"]["configs"]) == ("ours", {"bucket": "b"})
    assert run("connection", "delete", "s").status == 0
    for bad in (("--kind", "tape"), ("--kind", "s3", "--config", "bucket"), ("--kind", "s3", "--secret", "a=NOWHERE")):
        assert run("connection", "create", "s", *bad).status == ExitStatus.INVALID
