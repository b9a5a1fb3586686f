#!/bin/sh
# Makes the clips of this folder. Needs ffmpeg, espeak-ng, node and npm.
#   speech.aac  AAC-LC 44.1 kHz mono
#   he1.aac     HE-AAC v1, 48 kHz stereo (core 24 kHz), SBR not announced in ADTS
#   he2.aac     HE-AAC v2, 44.1 kHz (core 22.05 kHz mono, SBR and PS)
# No free encoder in Debian makes HE-AAC; the npm package @ffmpeg/core-st, an
# ffmpeg as WebAssembly, has libfdk_aac. See fdk.cjs.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
espeak-ng -v en-us -s 160 -w speech.wav "Sound and picture must stay together, from the first word to the last."
ffmpeg -nostdin -v error -i speech.wav -ar 44100 -ac 1 -c:a aac -b:a 56k "$here/speech.aac" -y
ffmpeg -nostdin -v error -i speech.wav -ar 48000 -ac 2 -t 3 he1.wav
ffmpeg -nostdin -v error -i speech.wav -ar 44100 -ac 2 -t 3 he2.wav
npm pack --silent @ffmpeg/core-st@0.11.1
tar xzf ffmpeg-core-st-0.11.1.tgz
cp "$here/fdk.cjs" .
node fdk.cjs he1.wav he1.aac -c:a libfdk_aac -profile:a aac_he -b:a 36k
node fdk.cjs he2.wav he2.aac -c:a libfdk_aac -profile:a aac_he_v2 -b:a 24k
cp he1.aac he2.aac "$here/"
