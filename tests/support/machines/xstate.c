/* Copyright (c) 2026, The labserver.jupyter authors
 * GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Preloaded by kernel.py on processors with AMX. Linux takes the extended registers of a traced process only as a
 * whole (EFAULT otherwise), and with AMX they are longer than user-mode Linux 6.1 has room for: it panics at once with
 * "ptrace set fp regs failed, errno = 14". Here what it does not know of is filled up with what the process has.
 */
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PEEKTEXT = 1, PEEKUSER = 3, GETREGSET = 0x4204, SETREGSET = 0x4205, XSTATE = 0x202 };

long ptrace(int request, ...)
{
    va_list rest;
    va_start(rest, request);
    long pid = va_arg(rest, int), address = va_arg(rest, long), data = va_arg(rest, long);
    va_end(rest);
    if (request >= PEEKTEXT && request <= PEEKUSER) { /* the library's form returns the word */
        long word, status = syscall(SYS_ptrace, request, pid, address, &word);
        return status < 0 ? status : word;
    }
    if (request == SETREGSET && address == XSTATE) {
        static char whole[1 << 16] __attribute__((aligned(64)));
        struct iovec given = *(struct iovec *)data, all = {whole, sizeof whole};
        if (syscall(SYS_ptrace, GETREGSET, pid, XSTATE, &all) == 0 && given.iov_len < all.iov_len) {
            memcpy(whole, given.iov_base, given.iov_len);
            return syscall(SYS_ptrace, SETREGSET, pid, XSTATE, &all);
        }
    }
    return syscall(SYS_ptrace, request, pid, address, data);
}
