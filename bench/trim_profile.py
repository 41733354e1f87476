"""trim_profile.py FROM TO: keeps of a profile (llvm-profdata merge --text) what is hot.

A function is kept when one of its counters is at least HOT. What is not kept is compiled as without
a profile, so that nothing depends on what the training happened not to run.
"""
import sys

HOT = 2000


def blocks(text):
    """The functions of a profile, each as its lines: name, hash, count of counters, counters, values."""
    body = '\n'.join(line for line in text.split('\n') if not line.startswith((':', '# IR level')))
    return [block.split('\n') for block in body.strip().split('\n\n')]


def is_hot(block):
    assert block[1] == '# Func Hash:' and block[3] == '# Num Counters:' and block[5] == '# Counter Values:', block[:6]
    return max(map(int, block[6:6 + int(block[4])])) >= HOT


def checked(block):
    # A path would make it fit this checkout alone.
    assert '/' not in block[0].split(';')[0], f'{block[0]} names a path'
    return '\n'.join(block)


def main(source, target):
    with open(source, encoding='utf-8') as file:
        text = file.read()
    assert ':ir' in text.split('\n', 4), 'this is no profile of instrumented IR'
    kept = sorted(checked(block) for block in blocks(text) if is_hot(block))
    with open(target, 'w', encoding='utf-8') as file:
        file.write('# IR level Instrumentation Flag\n:ir\n' + '\n\n'.join(kept) + '\n')
    print(f'{len(kept)} functions kept, {len(blocks(text)) - len(kept)} left out')


if __name__ == '__main__':
    main(*sys.argv[1:])
