/** Stands in for the package is-in-ci in the bundle. */
export default false;
