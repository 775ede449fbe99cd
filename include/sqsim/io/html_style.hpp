// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <string_view>

// What the page of a run looks like, light and dark, on a screen and on paper.

namespace sqsim::inline SQSIM_ABI::sim::detail::html {

inline constexpr std::string_view style =
    ":root{color-scheme:light dark;--bg:#fafaf8;--card:#fff;--fg:#1d2025;--soft:#686e77;--edge:#e4e5e7;--hatch:#dcdee2;"
    "--red:#c4202f;--on-red:#fff;--green:#1b7f4d;--wash:#fdf1f1;--spot:#eef3fa;"
    "--c:#868d96;--c0:#3b6ea5;--c1:#d98b00;--c2:#238443;--c3:#a1388a;--c4:#2ba6c9;--c5:#8a8a1f;--c6:#7a5ab8}\n"
    "@media screen and "
    "(prefers-color-scheme:dark){:root{--bg:#14161a;--card:#1b1e23;--fg:#e4e7eb;--soft:#949ca7;--edge:#2d3138;"
    "--hatch:#343941;--red:#ff6b6f;--on-red:#1b0607;--green:#4cc38a;--wash:#2b1b1e;--spot:#232a35;"
    "--c:#8b929c;--c0:#78a9de;--c1:#f0b040;--c2:#5fc482;--c3:#db7fc6;--c4:#66cfee;--c5:#c5c55a;--c6:#ab93e8}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--bg);color:var(--fg);font:14px/1.5 \"Helvetica Neue\",Helvetica,Arial,sans-serif;"
    "-webkit-text-size-adjust:100%}\n"
    "main{max-width:1200px;margin:0 auto;padding:40px 28px 64px}\n"
    "code,td.t,td.d{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,\"Liberation Mono\",monospace}\n"
    ".name{margin:0 0 6px;color:var(--soft);font-size:15px;overflow-wrap:anywhere}\n"
    "h1{margin:0 0 22px;font-size:26px;line-height:1.25;font-weight:600;letter-spacing:-.01em;overflow-wrap:anywhere}\n"
    "h1 b{display:inline-block;margin-right:12px;padding:3px 11px;border-radius:4px;background:var(--red);"
    "color:var(--on-red);font-size:15px;letter-spacing:.02em;vertical-align:4px}\n"
    ".ok h1 b{background:var(--green);color:var(--card)}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:5px 20px;margin:0 0 34px}\n"
    "dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}\n"
    "dd code{padding:2px 7px;border:1px solid var(--edge);border-radius:4px;background:var(--card);font-size:13px;"
    "-webkit-user-select:all;user-select:all}\n"
    "h2{margin:38px 0 12px;font-size:12px;font-weight:600;letter-spacing:.09em;text-transform:uppercase;"
    "color:var(--soft)}\n"
    ".card{padding:14px 20px 18px;border:1px solid "
    "var(--edge);border-radius:8px;background:var(--card);overflow-x:auto}\n"
    ".stave{display:block;width:100%;min-width:820px;margin:0 0 20px}\n"
    ".stave:last-of-type{margin:0}\n"
    "svg text{font:11px \"Helvetica Neue\",Helvetica,Arial,sans-serif;fill:var(--fg)}\n"
    "svg text.name{font-size:12px;font-weight:600}\n"
    "svg text.time{font-variant-numeric:tabular-nums;font-weight:600}\n"
    "svg text.more{fill:var(--soft);font-weight:400}\n"
    "svg text.gap{fill:var(--soft);text-anchor:middle}\n"
    "svg text.number{font-size:10px;font-weight:600}\n"
    "svg text.flag{fill:var(--on-red);font-weight:600}\n"
    "svg text.label,svg text.time{paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}\n"
    ".edge{stroke:var(--edge)}.lane{stroke:var(--edge);stroke-width:2}.tick{stroke:var(--edge)}\n"
    ".hatch{stroke:var(--hatch);stroke-width:2}\n"
    ".m0{--c:var(--c0)}.m1{--c:var(--c1)}.m2{--c:var(--c2)}.m3{--c:var(--c3)}.m4{--c:var(--c4)}.m5{--c:var(--c5)}"
    ".m6{--c:var(--c6)}\n"
    ".step>circle,.step>path,.step>rect,.key>circle,.key>path,.key>rect{fill:var(--c);stroke:var(--card);"
    "stroke-width:1.5}\n"
    ".step>.ring,.key>.ring{fill:var(--card);stroke:var(--c);stroke-width:2}\n"
    ".step>.halo,.key>.halo{fill:none;stroke:var(--red);stroke-width:2}\n"
    ".step>.pill{fill:var(--red);stroke:none}rect.gap{fill:url(#hatch);stroke:none}\n"
    ".pole{stroke:var(--red);stroke-width:2}\n"
    ".busy{stroke:var(--soft);stroke-width:3}.busy.fault{stroke:var(--red);stroke-dasharray:7 4}\n"
    ".bar{fill:var(--c);fill-opacity:.2;stroke:var(--c);stroke-opacity:.55}\n"
    ".done{stroke:var(--c);stroke-width:4}.lapsed{stroke:var(--c);stroke-width:3;stroke-dasharray:2.6 2.6}\n"
    "a{color:inherit;text-decoration:none}\n"
    "a:focus-visible{outline:2px solid var(--c0);outline-offset:2px;border-radius:2px}\n"
    "svg a:hover text.label,svg a.on text.label,svg a:focus text.label,svg a:target text.label{font-weight:700}\n"
    ".legend{display:flex;flex-wrap:wrap;gap:4px 22px;margin:12px 2px 0;padding:0;list-style:none;color:var(--soft);"
    "font-size:12px}\n"
    ".legend svg{width:26px;height:18px;margin-right:6px;vertical-align:-4px}\n"
    "table{width:100%;border-collapse:collapse;font-size:13px}\n"
    "th{padding:4px 12px 8px 0;border-bottom:1px solid var(--edge);color:var(--soft);font-weight:400;text-align:left}\n"
    "td{padding:4px 12px 4px 0;vertical-align:baseline;overflow-wrap:anywhere}\n"
    "td.n,th.n{width:44px;color:var(--soft);text-align:right}td.t,th.t,td.d,th.d{text-align:right;white-space:nowrap;"
    "width:1%}td.a,th.a{width:1%;padding-left:14px;padding-right:34px}td.a{white-space:nowrap}\n"
    "td.t,td.d{font-size:12px}tr.same td.t{color:transparent}td.d{color:var(--soft)}\n"
    "tr.later td{border-top:1px solid var(--edge)}\n"
    "tr:hover td,tr.on td{background:var(--spot)}tr:target td{background:var(--spot)}\n"
    "tr.bad td{background:var(--wash)}tr.bad strong{display:block;margin-left:16px;color:var(--red);font-weight:600}\n"
    "i.m{display:inline-block;width:9px;height:9px;margin-right:7px;border-radius:2px;background:var(--c)}"
    "i.none{background:none}\n"
    "@media print{:root{--bg:#fff;color-scheme:light}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}"
    "main{max-width:none;padding:0}.card{padding:0;border:0;overflow:visible}.stave{min-width:0}"
    ".stave,tr{break-inside:avoid}thead{display:table-header-group}tr.same td.t{color:var(--soft)}}\n";

/// Shows a step in the diagram and in the table at once, and walks through the steps with the arrow keys. Without it
/// nothing is missing.
inline constexpr std::string_view script =
    "(function(){var doc=document,last=[];"
    "function get(n){return[doc.getElementById('d'+n),doc.getElementById('s'+n)].filter(Boolean)}"
    "function number(e){var s=e.target.closest&&e.target.closest('[id]');"
    "return s&&/^[ds]\\d+$/.test(s.id)?+s.id.slice(1):0}"
    "function show(n){last.forEach(function(x){x.classList.remove('on')});last=n?get(n):[];"
    "last.forEach(function(x){x.classList.add('on')})}"
    "doc.addEventListener('mouseover',function(e){show(number(e))});"
    "doc.addEventListener('focusin',function(e){show(number(e))});"
    "doc.addEventListener('keydown',function(e){var n=number(e),s=e.key==='ArrowRight'?1:e.key==='ArrowLeft'?-1:0;"
    "if(n&&s){var next=doc.getElementById('d'+(n+s));if(next){e.preventDefault();next.focus()}}})})();\n";

}  // namespace sqsim::inline SQSIM_ABI::sim::detail::html
