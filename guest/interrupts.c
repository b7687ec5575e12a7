/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * On a PC without ACPI and MSI, a PCI device interrupts by one of four wires, which the
 * chip set routes to the old interrupt controller. The firmware writes each device's
 * interrupt line into its configuration. A device that appears after the firmware has run
 * has no line there, and the kernel finds none: its own table has the first few slots only.
 * So this does what the firmware does:
 *
 *	device's configuration  0x3d: pin 1 to 4   0x3c: line, for the operating system
 *	wire                    (slot + pin - 2) mod 4, as the board is wired
 *	PIIX3's configuration   0x60 + wire: the line; bit 7: none
 *
 * The kernel has no file in /sys for a device that it does not know yet, so this uses the
 * ports: 0xcf8 chooses the register, 0xcfc is its content.
 */
#include "guest/interrupts.h"

#include <stdint.h>
#include <sys/io.h>

#define PORT_ADDRESS 0xcf8
#define PORT_DATA    0xcfc
#define N_PORTS	     8

#define REG_ID	      0x00
#define REG_HEADER    0x0c
#define REG_INTERRUPT 0x3c
#define REG_ROUTES    0x60

#define MULTIFUNCTION (1u << 23)
#define PIIX3_SLOT    1
#define PIIX3_ID      0x70008086u
#define NO_ROUTE      0x80

static uint32_t read_register(unsigned slot, unsigned function, unsigned reg)
{
	outl(1u << 31 | slot << 11 | function << 8 | reg, PORT_ADDRESS);
	return inl(PORT_DATA);
}

static void write_line(unsigned slot, unsigned function, uint8_t line)
{
	outl(1u << 31 | slot << 11 | function << 8 | REG_INTERRUPT, PORT_ADDRESS);
	outb(line, PORT_DATA);
}

static void assign(unsigned slot, unsigned function, uint32_t routes)
{
	uint32_t interrupt = read_register(slot, function, REG_INTERRUPT);
	uint8_t line = interrupt, pin = interrupt >> 8;
	uint8_t route;

	if (pin < 1 || pin > 4 || line != 0)
		return;
	route = routes >> (slot + pin - 2) % 4 * 8;
	if (!(route & NO_ROUTE))
		write_line(slot, function, route);
}

static void assign_slot(unsigned slot, uint32_t routes)
{
	unsigned functions;

	if (read_register(slot, 0, REG_ID) == UINT32_MAX)
		return;
	functions = read_register(slot, 0, REG_HEADER) & MULTIFUNCTION ? 8 : 1;
	for (unsigned i = 0; i < functions; i++)
		if (read_register(slot, i, REG_ID) != UINT32_MAX)
			assign(slot, i, routes);
}

void interrupts_assign(void)
{
	if (ioperm(PORT_ADDRESS, N_PORTS, 1) < 0)
		return;
	if (read_register(PIIX3_SLOT, 0, REG_ID) == PIIX3_ID) {
		uint32_t routes = read_register(PIIX3_SLOT, 0, REG_ROUTES);

		for (unsigned slot = PIIX3_SLOT + 1; slot < 32; slot++)
			assign_slot(slot, routes);
	}
	ioperm(PORT_ADDRESS, N_PORTS, 0);
}
