/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest's network: what it may reach, and what may reach it. qemu itself is the router
 * (its "user" network), so no privileges are needed:
 *
 *	guest 10.0.2.15 ──► 10.0.2.2 qemu ──► sockets of this user	internet
 *	      10.0.2.3 its resolver
 *	      10.0.2.100 + i ──► hypermin-reach HOST PORT		endpoint i, and nothing else
 *	host ADDRESS:PORT ──► guest's PORT				forwards
 *
 * All addresses are fixed, so the guest is told them and asks nobody.
 */
#pragma once

#include "agent/agent.h"
#include "vm/vm.h"

#define VM_MAX_ENDPOINTS 100

/* [ADDRESS:]PORT:PORT[/udp]: of the host (127.0.0.1 if none is given), then the guest's. */
int vm_network_add_forward(struct vm_network *n, const char *text, struct error *err);
/* HOST:PORT */
int vm_network_add_endpoint(struct vm_network *n, const char *text, struct error *err);
/* Is any network wanted? */
bool vm_network_is_wanted(const struct vm_network *n);
/* Do its parts go together, and are the host's ports free? qemu would only say that it can't
 * have one. */
int vm_network_check(const struct vm_network *n, struct error *err);
/* The value of qemu's -netdev, without its id. `reach_program` is needed for endpoints. */
char *vm_network_backend(const struct vm_network *n, const char *reach_program);
/* What the guest is told. `hosts` is a new string, to which ret->hosts points. */
struct agent_network vm_network_for_guest(const struct vm_network *n, char **ret_hosts);
void vm_network_done(struct vm_network *n);
