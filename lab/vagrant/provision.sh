#!/bin/sh
# Installs Node.js 20 and Weir in the machine of the Vagrantfile. Runs there as root, again without harm. Nothing comes
# from the distribution's own archives, which for CentOS 8 are gone.
#
#   NODE_RELEASES   another place than nodejs.org for the folder of Node.js's newest release of 20
set -eu

releases=${NODE_RELEASES:-https://nodejs.org/dist/latest-v20.x}
folder=/usr/local/lib/node-20

if [ ! -x "$folder/bin/node" ]; then
  cd /tmp
  curl -fsSLO "$releases/SHASUMS256.txt"
  archive=$(awk '$2 ~ /^node-v20[.0-9]*-linux-x64[.]tar[.]gz$/ { print $2 }' SHASUMS256.txt)
  curl -fsSLO "$releases/$archive"
  grep " $archive\$" SHASUMS256.txt | sha256sum -c -
  mkdir -p "$folder"
  tar -xzf "$archive" -C "$folder" --strip-components=1 --no-same-owner
  rm "$archive" SHASUMS256.txt
fi

# sudo looks for programs in /usr/bin, but not in /usr/local/bin.
for program in node npm npx; do ln -sfn "$folder/bin/$program" "/usr/bin/$program"; done
ln -sfn /weir/packages/cli/bin/weir.js /usr/bin/weir

cd /weir
npm ci --no-audit --no-fund
weir doctor || true
