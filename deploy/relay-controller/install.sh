#!/bin/sh
# Installs the relay-controller on a machine with systemd, or a newer version of it. Run as root, in this folder:
#     ./install.sh path/to/relay-controller
# Settings, key and state that are there stay as they are.
set -eu

fail() { echo "install.sh: $1" >&2; exit 1; }

[ "$#" -eq 1 ] || fail "name the program: ./install.sh path/to/relay-controller"
program=$1
here=$(dirname "$0")
[ "$(id -u)" -eq 0 ] || fail "run it as root"
[ -x "$program" ] || fail "$program is no program"
"$program" --version >/dev/null || fail "$program does not run on this machine; was it built for another one?"
command -v systemctl >/dev/null || fail "this machine has no systemd; see docs/relay-controller.md, Without systemd"

getent group gpio >/dev/null || groupadd --system gpio
getent passwd relay-controller >/dev/null ||
  useradd --system --home-dir /var/lib/relay-controller --no-create-home --shell /usr/sbin/nologin relay-controller

# Who may use the lines: the group gpio. Raspberry Pi OS has this rule already.
rule='SUBSYSTEM=="gpio", KERNEL=="gpiochip*", GROUP="gpio", MODE="0660"'
echo "$rule" > /etc/udev/rules.d/60-relay-controller.rules
udevadm control --reload && udevadm trigger --subsystem-match=gpio || true

# The relays are off from here until the new version minds them.
systemctl stop relay-controller 2>/dev/null || true
install -m 0755 "$program" /usr/local/bin/relay-controller
install -m 0644 "$here/relay-controller.service" /etc/systemd/system/relay-controller.service
if [ ! -e /etc/relay-controller.toml ]; then
  install -m 0644 "$here/relay-controller.toml" /etc/relay-controller.toml
  systemctl daemon-reload
  echo "Now say in /etc/relay-controller.toml how the relays are wired, and run this once more."
  exit 0
fi

systemctl daemon-reload
install -d -m 0700 -o relay-controller -g relay-controller /var/lib/relay-controller
if [ ! -e /var/lib/relay-controller/key.json ]; then
  echo "Enter these two in Latchkey, at the integration. The key is shown this once."
  setpriv --reuid relay-controller --regid relay-controller --clear-groups \
    /usr/local/bin/relay-controller pair
fi
systemctl enable --now relay-controller
systemctl --no-pager --lines 5 status relay-controller

# Raspberry Pi OS leaves a line as it was when its program dies, unless it is told otherwise.
for boot in /boot/firmware /boot; do
  if [ -e "$boot/config.txt" ]; then
    grep -q '^dtparam=strict_gpiod' "$boot/config.txt" ||
      echo "WARNING: write dtparam=strict_gpiod into $boot/config.txt and start the machine anew; docs/relay-controller.md says why"
    break
  fi
done
