"""A headless Chromium, driven through pipes by its DevTools protocol."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'chrome')
PROBLEMS = ('Runtime.exceptionThrown', 'Log.entryAdded', 'Runtime.consoleAPICalled')


class Browser:
    """One page; a test is skipped where no Chromium is installed."""

    def __init__(self, profile: Path) -> None:
        program = next(filter(None, map(shutil.which, NAMES)), None)
        if program is None:
            pytest.skip('no Chromium here: install the package chromium')
        read_in, self.write = os.pipe()
        self.read, write_out = os.pipe()
        options = '--headless --no-sandbox --disable-gpu --remote-debugging-pipe'
        # The browser reads from descriptor 3 and writes to 4.
        script = f'exec 3<&{read_in} 4>&{write_out}; exec "$0" "$@"'
        self.process = subprocess.Popen(
            ['bash', '-c', script, program, *options.split(),
             f'--user-data-dir={profile}'],
            pass_fds=(read_in, write_out),
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(read_in)
        os.close(write_out)
        self.buffer, self.number, self.session, self.events = b'', 0, None, []
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        attached = self.call('Target.attachToTarget', targetId=target, flatten=True)
        self.session = attached['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(f'{domain}.enable')

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.write)
        os.close(self.read)

    def call(self, method, **params):
        """Send a command; return its result."""
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': params}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.write, json.dumps(message).encode() + b'\0')
        while True:
            answer = self._receive()
            if answer.get('id') == self.number:
                assert 'error' not in answer, answer
                return answer['result']

    def _receive(self):
        while b'\0' not in self.buffer:
            part = os.read(self.read, 1 << 16)
            assert part, 'the browser has ended'
            self.buffer += part
        text, _, self.buffer = self.buffer.partition(b'\0')
        message = json.loads(text)
        if 'method' in message:
            self.events.append(message)
        return message

    def open(self, path: Path, width: int, scheme: str) -> None:
        """Load a file in a window of some width, in a light or dark scheme."""
        self.events.clear()
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=900,
                  deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        media = [{'name': 'prefers-color-scheme', 'value': scheme}]
        self.call('Emulation.setEmulatedMedia', features=media)
        self.call('Page.navigate', url=path.resolve().as_uri())
        while not any(e['method'] == 'Page.loadEventFired' for e in self.events):
            self._receive()

    def problems(self) -> list:
        """Whatever the console has said since the page was opened."""
        self.evaluate('0')  # lets what is under way arrive
        return [e['params'] for e in self.events if e['method'] in PROBLEMS]

    def requests(self) -> list[str]:
        """Addresses that the page has asked for."""
        sent = [e for e in self.events if e['method'] == 'Network.requestWillBeSent']
        return [event['params']['request']['url'] for event in sent]

    def evaluate(self, expression):
        result = self.call('Runtime.evaluate', expression=expression,
                           returnByValue=True, awaitPromise=True)  # fmt: skip
        assert 'exceptionDetails' not in result, result
        return result['result'].get('value')

    def screenshot(self, path: Path) -> None:
        """Write a PNG of the whole page."""
        shot = self.call('Page.captureScreenshot', captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot['data']))
