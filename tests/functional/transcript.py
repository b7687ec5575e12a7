#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Run the commands of a document's transcripts, and compare what they print with what the document says.

	transcript.py PAGE.md…

A transcript is a fenced block with the word "console". A command begins with "$ " and may go on with "> ". What
follows is its output, and "[N]" at the end its exit status, if that is not 0. A line "…" stands for any lines,
"…" within a line for any text. The commands of all pages run in one shell, in the current directory."""
import re
import secrets
import subprocess
import sys


def transcripts(page):
    """Yields (line number, command, lines of output, exit status)."""
    text = open(page, encoding='utf-8').read()
    for block in re.finditer(r'^```console\n(.*?)^```$', text, re.M | re.S):
        line = text.count('\n', 0, block.start(1)) + 1
        if not block[1].startswith('$ '):
            sys.exit(f'{page}:{line}: a transcript has to begin with "$ "')
        for part in re.findall(r'^\$ .*\n(?:(?!\$ ).*\n)*', block[1], flags=re.M):
            lines = part.splitlines()
            command = [lines.pop(0)[2:]]
            while lines and lines[0].startswith('> '):
                command.append(lines.pop(0)[2:])
            status = int(lines.pop()[1:-1]) if lines and re.fullmatch(r'\[\d+\]', lines[-1]) else 0
            yield line, '\n'.join(command), lines, status
            line += part.count('\n')


def pattern(lines):
    """What the output has to match as a whole."""
    return ''.join('(?:.*\n)*' if line == '…' else '.*'.join(map(re.escape, line.split('…'))) + '\n'
                   for line in lines)


class Shell:
    def __init__(self):
        self.process = subprocess.Popen(['bash'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, encoding='utf-8', errors='replace')

    def run(self, command):
        """Returns the output and the exit status."""
        mark = secrets.token_hex(16)
        self.process.stdin.write(f'{{ {command}\n}} </dev/null\nprintf "\\n%s %d\\n" {mark} $?\n')
        self.process.stdin.flush()
        output = ''
        for line in self.process.stdout:
            if line.startswith(mark):
                # The newline in front of the mark ends a last line that has none.
                return output[:-1], int(line.split()[1])
            output += line
        sys.exit(f'the shell ended in: {command}\n{output}')


def main():
    shell = Shell()
    count = 0
    for page in sys.argv[1:]:
        for line, command, expected, status in transcripts(page):
            output, actual = shell.run(command)
            if output and not output.endswith('\n'):
                output += '\n'
            if actual != status or not re.fullmatch(pattern(expected), output):
                sys.exit(f'{page}:{line}: $ {command}\nexpected status {status} and:\n' +
                         ''.join(text + '\n' for text in expected) + f'got status {actual} and:\n{output}')
            count += 1
    if count == 0:
        sys.exit('no commands in ' + ' '.join(sys.argv[1:]))


main()
