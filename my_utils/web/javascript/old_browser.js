// Says what an old browser lacks, in words that it understands itself: no new syntax here.
(function () {
  function has(test) {
    try {
      return test();
    } catch (error) {
      return false;
    }
  }
  // A module of one function that adds vectors of four numbers.
  var simd = [
    0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15,
    253, 98, 11,
  ];
  var needs = [
    ["WebAssembly with SIMD", function () { return WebAssembly.validate(new Uint8Array(simd)); }],
    ["modules of JavaScript", function () { return "noModule" in document.createElement("script"); }],
    ["workers", function () { return typeof Worker === "function"; }],
    ["streams of bytes", function () { return typeof new Blob([]).stream === "function"; }],
    ["large whole numbers", function () { return typeof BigInt === "function"; }],
  ];
  var missing = [];
  for (var i = 0; i < needs.length; i++) {
    if (!has(needs[i][1])) missing.push(needs[i][0]);
  }
  var text = document.getElementById("missing");
  if (missing.length) {
    text.textContent = "This browser is too old for this page: it lacks " + missing.join(", ") +
      ". Firefox 89, Chrome 91, Edge 91, Safari 16.4 and later ones have all of it.";
    text.hidden = false;
  } else {
    document.querySelector("main").hidden = false;
  }
})();
