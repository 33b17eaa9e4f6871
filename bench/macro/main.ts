// `npm run bench [-- NAME… --rounds N --seconds S --peers a,b --list]`: measures Postern and its peers side by side.

import { parseArgs } from 'node:util';
import { compareCores, coreCases } from '../turns/cores.ts';
import type { Case } from './case.ts';
import { CaseRun, type Settings } from './case-run.ts';
import { cases } from './cases/all.ts';
import { describeMachine } from './machine.ts';
import { responderNeeds } from './null-responder.ts';
import type { Peer } from './peer.ts';
import { peers } from './peers/all.ts';
import { Processes } from './processes.ts';
import { missingOf } from './program.ts';
import { say } from './progress.ts';
import { type CaseReport, reportCase } from './report/case-report.ts';
import { keepReport, resultsFolder } from './report/results.ts';
import { textTable } from './report/table.ts';
import { wordpressNeeds } from './wordpress.ts';
import { Workspace } from './workspace.ts';

const usual: Settings = { rounds: 3, seconds: 5 };

const usage = `npm run bench [-- NAME... [--rounds N] [--seconds S] [--peers a,b] [--list] [--dry]]

  NAME...     the cases to run, or what several of their names begin with (tls); none: all of them. "cores": one thread against two and four, in turns
  --rounds    how often each peer is loaded (${usual.rounds})
  --seconds   the length of one load (${usual.seconds})
  --peers     only these peers
  --dry       print, but keep no results; so does a run of fewer rounds, or shorter loads, than these
  --list      the cases and the peers, and what is not installed
`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const [first, ...rest] = args;
  if (first === 'cores') return await runCores(rest);
  const options = parseOptions(args);
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n\n${usage}`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (options.list) {
    process.stdout.write(listing());
    return 0;
  }
  return await runAll(options);
}

/** One thread against several. */
async function runCores(args: readonly string[]): Promise<number> {
  const names = args.filter((arg) => coreCases[arg] !== undefined);
  const options = parseOptions(args.filter((arg) => !names.includes(arg)));
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n\n${usage}`);
    return 2;
  }
  const processes = new Processes();
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => interruption.abort());
  const { signal } = interruption;
  const workspace = new Workspace(processes, signal);
  try {
    process.stdout.write(`${describeMachine()}\n\n`);
    await compareCores({ names, ...options.settings, workspace, processes, signal });
    return 0;
  } finally {
    await processes.stopAll();
    workspace.close();
  }
}

interface Options {
  readonly cases: readonly Case[];
  /** null: what each case asks for. */
  readonly peers: readonly Peer[] | null;
  readonly settings: Settings;
  readonly list: boolean;
  readonly dry: boolean;
  readonly help: boolean;
}

/** The options, or what is wrong with them. */
function parseOptions(args: readonly string[]): Options | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        rounds: { type: 'string', default: String(usual.rounds) },
        seconds: { type: 'string', default: String(usual.seconds) },
        peers: { type: 'string' },
        list: { type: 'boolean', default: false },
        dry: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const settings = { rounds: wholeNumber('rounds', values.rounds), seconds: wholeNumber('seconds', values.seconds) };
    return {
      cases: positionals.length === 0 ? cases : positionals.flatMap(casesOf),
      peers: values.peers === undefined ? null : values.peers.split(',').map((name) => named(peers, name)),
      settings,
      list: values.list,
      dry: values.dry,
      help: values.help,
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function wholeNumber(name: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${name} is a whole number above 0, not "${text}"`);
  return Number(text);
}

/** The case of that name, or those whose names begin with it and "-": "tls" are all with TLS. */
function casesOf(name: string): readonly Case[] {
  const group = cases.filter((one) => one.name.startsWith(`${name}-`));
  return cases.some((one) => one.name === name) || group.length === 0 ? [named(cases, name)] : group;
}

function named<T extends { readonly name: string }>(all: readonly T[], name: string): T {
  const found = all.find((one) => one.name === name);
  if (found === undefined) throw new Error(`"${name}" is not one of: ${all.map((one) => one.name).join(', ')}`);
  return found;
}

async function runAll(options: Options): Promise<number> {
  const processes = new Processes();
  const interruption = new AbortController();
  const interrupt = (signal: string): void => interruption.abort(new Error(`ended by ${signal}`));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, interrupt);
  const { rounds, seconds } = options.settings;
  // A short trial does not take the place of a measurement.
  const isKept = !options.dry && rounds >= usual.rounds && seconds >= usual.seconds;
  const workspace = new Workspace(processes, interruption.signal);
  try {
    const machine = describeMachine();
    say(machine);
    for (const one of options.cases) {
      const report = await runCase(one, options, workspace, processes, interruption.signal, machine);
      if (report === null) continue;
      process.stdout.write(`\n${one.name}: ${one.title}\n\n${textTable(report)}\n\n${report.targets.join('\n')}\n\n`);
      if (isKept)
        keepReport(
          report,
          cases.map(({ name }) => name),
        );
    }
    say(isKept ? `results: ${resultsFolder}README.md` : 'the results were not kept');
    return 0;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return 1;
  } finally {
    say('stopping what was started');
    await processes.stopAll();
    workspace.close();
  }
}

/** Runs a case on the peers that are there; null: it cannot be run. */
async function runCase(
  case_: Case,
  options: Options,
  workspace: Workspace,
  processes: Processes,
  signal: AbortSignal,
  machine: string,
): Promise<CaseReport | null> {
  const lacking = missingOf(caseNeeds(case_));
  if (lacking.length > 0) {
    say(`${case_.name}: not run, missing ${lacking.join(', ')}: run bench/install-peers.sh`);
    return null;
  }
  const wanted =
    options.peers ?? peers.filter((peer) => case_.peers?.includes(peer.name) ?? peer.isOnlyWhereNamed !== true);
  const missing = new Map(wanted.map((peer) => [peer.name, missingOf(peer.needs).join(', ')]));
  const there = wanted.filter((peer) => missing.get(peer.name) === '');
  for (const peer of there) missing.delete(peer.name);
  for (const [name, what] of missing)
    say(`${case_.name}: ${name} is left out, missing ${what}: run bench/install-peers.sh`);
  const result = await new CaseRun(case_, options.settings, workspace, processes, signal).run(there);
  return reportCase(case_, there, result, options.settings, missing, machine);
}

function caseNeeds(case_: Case): readonly string[] {
  return [
    'wrk',
    ...(case_.stack.secure === true ? ['h2load'] : []),
    ...(case_.stack.site === 'wordpress' ? wordpressNeeds : []),
    ...(case_.stack.application === 'null' ? responderNeeds : []),
  ];
}

function listing(): string {
  const lack = (needs: readonly string[]): string => {
    const missing = missingOf(needs);
    return missing.length === 0 ? '' : ` (missing ${missing.join(', ')})`;
  };
  const line = (name: string, title: string, needs: readonly string[]): string =>
    `  ${name.padEnd(16)} ${title}${lack(needs)}\n`;
  const caseLines = cases.map((one) => line(one.name, one.title, caseNeeds(one)));
  const peerLines = peers.map((peer) => line(peer.name, peer.title, peer.needs));
  return `cases:\n${caseLines.join('')}\npeers:\n${peerLines.join('')}`;
}
