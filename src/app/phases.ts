// The phases of a process and of a thread: modules up in order, and down in reverse.

import { PosternError } from '../errors.ts';
import type { Module, StartInfo, ThreadInfo } from './life-cycle.ts';

/** What went wrong in a phase on the way down, where everybody else still has their turn. */
export type ReportProblem = (message: string, thrown: unknown) => void;

/**
 * Runs each module's moduleInit. Where one fails, those before it are shut down again.
 * @returns what each returned
 * @throws PROGRAM_NOT_STARTED with the module's name
 */
export async function startProcess(
  modules: readonly Module[],
  info: StartInfo,
  report: ReportProblem,
): Promise<unknown[]> {
  const shared: unknown[] = [];
  for (const module of modules) {
    try {
      shared.push(await module.moduleInit?.(info));
    } catch (thrown) {
      await stopProcess(modules, shared, report);
      throw notStarted(module, 'moduleInit', thrown);
    }
  }
  return shared;
}

/** Runs each module's moduleShutdown, in reverse. Never throws. */
export async function stopProcess(
  modules: readonly Module[],
  shared: readonly unknown[],
  report: ReportProblem,
): Promise<void> {
  for (let index = shared.length - 1; index >= 0; index -= 1) {
    try {
      await modules[index]!.moduleShutdown?.(shared[index]);
    } catch (thrown) {
      report(`module ${modules[index]!.name} failed in moduleShutdown`, thrown);
    }
  }
}

/**
 * Runs each module's threadInit. Where one fails, those before it are shut down again.
 * @returns what each returned, or what its moduleInit had
 * @throws PROGRAM_NOT_STARTED with the module's name
 */
export async function startThread(
  modules: readonly Module[],
  shared: readonly unknown[],
  info: ThreadInfo,
  report: ReportProblem,
): Promise<unknown[]> {
  const own: unknown[] = [];
  for (const [index, module] of modules.entries()) {
    try {
      own.push(module.threadInit ? await module.threadInit(shared[index], info) : shared[index]);
    } catch (thrown) {
      await stopThread(modules, own, report);
      throw notStarted(module, 'threadInit', thrown);
    }
  }
  return own;
}

/** Runs each module's threadShutdown, in reverse. Never throws. */
export async function stopThread(
  modules: readonly Module[],
  own: readonly unknown[],
  report: ReportProblem,
): Promise<void> {
  for (let index = own.length - 1; index >= 0; index -= 1) {
    try {
      await modules[index]!.threadShutdown?.(own[index]);
    } catch (thrown) {
      report(`module ${modules[index]!.name} failed in threadShutdown`, thrown);
    }
  }
}

function notStarted(module: Module, phase: string, thrown: unknown): PosternError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new PosternError('PROGRAM_NOT_STARTED', `module ${module.name} failed in ${phase}: ${message}`, {
    cause: thrown,
  });
}
