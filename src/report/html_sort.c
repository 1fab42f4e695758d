#include "report/html_sort.h"

/* Texts of a database cannot become a program: the policy names the one script of the page by its hash, and lets nothing be loaded. The
 * hash is that of the text between the tags, which tests/cli/test_query.py checks. */
#define SCRIPT_HASH "sha256-ustOVB/kuSUDPU0Ie3khPPzXBmvSv1KqjGzKORiqQmM="
const char html_sort_head[] =
    "\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src '" SCRIPT_HASH
    "'\">\n<style>"
    "th button{all:unset;cursor:pointer;font-weight:600}th button:hover,th button:focus-visible{text-decoration:underline}"
    "th[aria-sort=ascending] button::after{content:\" ▲\"}th[aria-sort=descending] button::after{content:\" ▼\"}"
    "td{max-width:52ch;overflow-wrap:anywhere;white-space:normal}td.n{white-space:nowrap}tr.estimate td{color:var(--soft);border-bottom-style:dashed}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere}"
    "</style>";

const char html_sort_script[] =
    "for(const b of document.querySelectorAll('th button'))b.onclick=()=>{"
    "const h=b.parentNode,t=h.closest('table'),i=[...h.parentNode.children].indexOf(h),"
    "d=h.getAttribute('aria-sort')==='ascending'?-1:1,"
    "v=r=>{const c=r.children[i];return c.dataset.v!==undefined?+c.dataset.v:c.textContent==='–'?null:c.textContent};"
    "for(const o of t.querySelectorAll('th'))o.removeAttribute('aria-sort');"
    "h.setAttribute('aria-sort',d>0?'ascending':'descending');"
    "const s=[...t.tBodies[0].rows].sort((p,q)=>{const x=v(p),y=v(q);"
    "if(x===null||y===null)return(x===null)-(y===null);"
    "return d*(typeof x==='number'&&typeof y==='number'?x-y:String(x).localeCompare(String(y),undefined,{numeric:true}))});"
    "t.tBodies[0].append(...s)}";
