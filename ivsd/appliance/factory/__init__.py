"""The factory default: what brings this box back to the state it left the factory in.

Root's part of it (`python -m ivsd.appliance.factory serve | resume | install`) is started by
ivsd-factory-default.socket; everybody else only asks there, with `client`. The order of things:

1. prepare: check the manifest and every template, stage each file, write one commit mark. Until
   the mark stands, nothing of the old state was touched.
2. finish: stop the services, drop the password that systemd brings, set aside or drop what is in
   /etc/ivsd, drop what ivsd and its pages keep, put every file in its place, one line of audit,
   take the mark away. It can be done again from its beginning at any time, and so it is (`resume`)
   at the next boot when the plug was pulled.
3. reboot.
"""
