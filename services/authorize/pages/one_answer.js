// The second click of a double click would take the place of the first and lose its answer.
let answered = 0;
addEventListener("submit", (event) => {
  const now = Date.now();
  if (now - answered < 2000) event.preventDefault();
  else answered = now;
});
