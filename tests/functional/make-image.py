#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Make a container image of layers, each a directory (whose files become root's) or a tar archive."""
import argparse
import gzip
import hashlib
import io
import json
import pathlib
import subprocess
import tarfile

parser = argparse.ArgumentParser()
parser.add_argument('format', choices=['oci', 'docker-archive'])
parser.add_argument('output', type=pathlib.Path)
parser.add_argument('layers', nargs='*')
parser.add_argument('--tag')
parser.add_argument('--config', default='{}', help='JSON: Env, Cmd, …')
parser.add_argument('--architecture', default={'x86_64': 'amd64', 'aarch64': 'arm64'}[
    subprocess.check_output(['uname', '-m'], text=True).strip()])
parser.add_argument('--compress', choices=['none', 'gzip', 'zstd'], default='gzip')
parser.add_argument('--platforms', action='store_true', help='one index names all images that have the tag')
options = parser.parse_args()


def make_layer(source):
    if not pathlib.Path(source).is_dir():
        return pathlib.Path(source).read_bytes()
    layer = io.BytesIO()

    def as_root(member):
        member.uid = member.gid = 0
        member.uname = member.gname = ''
        member.mtime = 1
        return member

    with tarfile.open(fileobj=layer, mode='w', format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(pathlib.Path(source).iterdir()):
            archive.add(path, path.name, filter=as_root)
    return layer.getvalue()


def compress(data):
    if options.compress == 'gzip':
        return gzip.compress(data, mtime=0)
    if options.compress == 'zstd':
        return subprocess.run(['zstd', '-q'], input=data, capture_output=True, check=True).stdout
    return data


def digest(data):
    return hashlib.sha256(data).hexdigest()


layers = [make_layer(source) for source in options.layers]
config = json.dumps({'architecture': options.architecture, 'os': 'linux', 'config': json.loads(options.config),
                     'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + digest(layer) for layer in layers]}})


def add_blob(data):
    blob = options.output / 'blobs/sha256' / digest(data)
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(data)
    return {'digest': 'sha256:' + digest(data), 'size': len(data)}


def add_manifest():
    suffix = {'none': '', 'gzip': '+gzip', 'zstd': '+zstd'}[options.compress]
    manifest = {'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.manifest.v1+json',
                'config': {'mediaType': 'application/vnd.oci.image.config.v1+json', **add_blob(config.encode())},
                'layers': [{'mediaType': 'application/vnd.oci.image.layer.v1.tar' + suffix,
                            **add_blob(compress(layer))} for layer in layers]}
    return {'mediaType': manifest['mediaType'], **add_blob(json.dumps(manifest).encode()),
            'platform': {'os': 'linux', 'architecture': options.architecture}}


def write_oci():
    options.output.mkdir(exist_ok=True)
    (options.output / 'oci-layout').write_text('{"imageLayoutVersion": "1.0.0"}')
    index_path = options.output / 'index.json'
    index = json.loads(index_path.read_text()) if index_path.exists() else {'schemaVersion': 2, 'manifests': []}
    name = {'org.opencontainers.image.ref.name': options.tag} if options.tag else {}
    same = [item for item in index['manifests'] if item.get('annotations', {}) == name]
    others = [item for item in index['manifests'] if item not in same]
    new = add_manifest()
    if options.platforms:
        inner = {'schemaVersion': 2, 'manifests': [new]}
        if same:
            old = options.output / 'blobs/sha256' / same[0]['digest'].split(':')[1]
            inner['manifests'] = json.loads(old.read_text())['manifests'] + [new]
        new = {'mediaType': 'application/vnd.oci.image.index.v1+json', **add_blob(json.dumps(inner).encode())}
    if name:
        new['annotations'] = name
    index['manifests'] = others + [new]
    index_path.write_text(json.dumps(index))


def write_docker_archive():
    with tarfile.open(options.output, 'w') as archive:
        def add(name, data):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))

        for number, layer in enumerate(layers):
            add(f'{digest(layer)}.tar', layer)
            link = tarfile.TarInfo(f'{number}/layer.tar')
            link.type = tarfile.SYMTYPE
            link.linkname = f'../{digest(layer)}.tar'
            archive.addfile(link)
        name = digest(config.encode()) + '.json'
        add(name, config.encode())
        add('manifest.json', json.dumps([{'Config': name, 'RepoTags': [options.tag] if options.tag else None,
                                          'Layers': [f'{number}/layer.tar' for number in range(len(layers))]}]).encode())


if options.format == 'oci':
    write_oci()
else:
    write_docker_archive()
