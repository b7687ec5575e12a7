/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands: one file each; argv[0] is the command's own name. They return an exit
 * status. */
#pragma once

int command_run(int argc, char **argv);
int command_shell(int argc, char **argv);
int command_warm(int argc, char **argv);
int command_start(int argc, char **argv);
int command_exec(int argc, char **argv);
int command_cp(int argc, char **argv);
int command_save(int argc, char **argv);
int command_list(int argc, char **argv);
int command_stop(int argc, char **argv);
int command_build(int argc, char **argv);
int command_cache(int argc, char **argv);
int command_libguestfs(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_completion(int argc, char **argv);
/* What answers to the name supermin; argv[0] is that name. */
int supermin_main(int argc, char **argv);
/* mkfs, prepare: the builder program does it. */
int command_by_builder(int argc, char **argv);
