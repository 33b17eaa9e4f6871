// `npm run bench:micro [-- WORD…]`: how fast the protocol's hot functions are, side by side with the FastCGI packages of npm.

import { cpus } from 'node:os';
import { type MicroResult, runCase } from './case.ts';
import { allCases } from './cases.ts';

// What the other packages are warned for (new Buffer) is not of interest here.
process.removeAllListeners('warning');
process.on('warning', () => {});

const words = process.argv.slice(2);
const cases = allCases().filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
process.stdout.write(
  `${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}; each number is the best median of three rounds\n\n`,
);
process.stdout.write(line(['', 'ours ns', 'records/s', 'MB/s', 'theirs ns', 'ratio', 'peer']));
for (const micro of cases) process.stdout.write(line(cells(await runCase(micro))));

function cells({ micro, oursNs, peerNs }: MicroResult): string[] {
  return [
    micro.name,
    oursNs.toFixed(0),
    micro.records === 0 ? '' : Math.round((micro.records / oursNs) * 1e9).toLocaleString('en'),
    ((micro.bytes / oursNs) * 1e3).toFixed(0),
    peerNs?.toFixed(0) ?? '',
    peerNs === null ? '' : (peerNs / oursNs).toFixed(1),
    micro.peer?.name ?? '',
  ];
}

function line([name, ...numbers]: string[]): string {
  const peer = numbers.pop();
  return `${name!.padEnd(24)}${numbers.map((text) => text.padStart(12)).join('')}  ${peer}\n`;
}
