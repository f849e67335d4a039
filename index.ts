// All of it is in the library, so that a project elsewhere has the same program. In a checkout, its built form where that
// is of these sources.
import { load } from "./components/startup/built.cjs";

const { program }: typeof import("./components/program") = load("components/program");

export = program;
