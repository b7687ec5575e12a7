/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a guest finds when it boots: words on the kernel's command line, files in the
 * initrd, and the names of its two devices. The host writes them (src/vm/machine.c,
 * src/initrd/initrd.c), the guest's init reads them.
 */
#pragma once

/* The virtio-serial port on which the agent speaks. */
#define AGENT_PORT_NAME "org.hypermin.agent.0"
/* The port on which a directory server of the host speaks FUSE. */
#define SHARE_PORT_NAME "org.hypermin.share.0"
/* The serial number that tells the appliance's own disk from all others. */
#define ROOT_SERIAL "hypermin-root"

/* ---- Words on the kernel's command line ---- */

/* UUID=…, LABEL=… or /dev/… */
#define BOOT_ROOT "root="
/* Only a disk that has this serial number is the root. */
#define BOOT_ROOT_SERIAL "hypermin.root_serial="
/* Seconds until the guest gives up waiting for the root disk. */
#define BOOT_ROOT_TIMEOUT "hypermin.root_timeout="
/* The root is persistent memory: map its files where they lie. */
#define BOOT_DAX "hypermin.dax"
/* The host's time zone as in TZ: "CET-1CEST,M3.5.0,M10.5.0/3". */
#define BOOT_TIMEZONE "hypermin.timezone="
#define TIMEZONE_SIZE 64
/* Of an appliance with an /init of its own: the virtio-serial port that it is held at
 * (guest/companion.h). */
#define BOOT_HOLD "hypermin.hold="
/* Load the drivers of what can be attached: a network, directories of the host. */
#define BOOT_ATTACH "hypermin.attach"
/* Send BOOT_EVENT frames. */
#define BOOT_TIMELINE "hypermin.timeline"
/* There is no agent: a shell on the console, and its end is the machine's. */
#define BOOT_SHELL "hypermin.shell"
/* Write what the init does to the console. */
#define BOOT_DEBUG "hypermin.debug"

/* ---- Files in the initrd, below / ---- */

#define INITRD_INIT "init"
/* NNN-NAME.ko, loaded in the order of their names. */
#define INITRD_MODULES "modules"
/* The same, loaded if BOOT_ATTACH asks for them; in an appliance with an /init of its own,
 * if those before do not lead to the root disk. */
#define INITRD_LATER_MODULES "modules-later"
/* The appliance has an /init of its own, which is to be executed. */
#define INITRD_OWN_INIT "own-init"
