// All of it is in the library, so that a project elsewhere has the same program. In a checkout, its built form where that
// is of these sources.
import { load } from "./components/startup/built.cjs";
import type * as library from "./components/program";

const { program }: typeof library = load("components/program");

export = program;
