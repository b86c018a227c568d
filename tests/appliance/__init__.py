"""The product on real kernel devices: a virtual machine with uinput, gpio-sim and systemd."""
