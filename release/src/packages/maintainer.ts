/** What the packages do when they come and go, for shells of both kinds of systems. */

/** Makes the user and the folders, and lets systemd know of the units. */
export const afterInstall = `if command -v systemd-sysusers >/dev/null; then systemd-sysusers weir.conf; fi
if [ -d /run/systemd/system ]; then
	systemd-tmpfiles --create weir.conf || true
	systemctl daemon-reload || true
fi`;

/** Ends what runs. Packets of a balancer are forwarded until \`weir balance stop\`. */
export const beforeRemove = `if [ -d /run/systemd/system ]; then
	systemctl --no-reload disable --now weir-serve.service 'weir-balance@*.service' || true
fi`;

export const afterRemove = `if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi`;

/** What the services have left: the history, and sockets. */
export const removeData = `rm -rf /var/lib/weir /run/weir
if command -v userdel >/dev/null && getent passwd weir >/dev/null; then userdel weir || true; fi`;
